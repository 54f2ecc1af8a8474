"""`hiface build`: the assets that anybody can make anew from their own material; one file an asset."""

from __future__ import annotations

from cyclopts import App

app = App(name="build", help="Make assets anew: captures of detail, detail bases.")

app.command("hiface.cli.build.captures:captures")
app.command("hiface.cli.build.detail_bases:detail_bases")
