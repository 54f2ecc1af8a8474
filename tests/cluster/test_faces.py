"""Folders of photos: names that do not clash, and what counts as finished."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from hiface.assets.format import write_atomically
from hiface.cluster import faces
from hiface.cluster.faces import PhotoJob, Wanted, is_done, jobs_of, stamp_of
from hiface.cluster.jobs import Failure, attempt
from hiface.errors import OutputError, PhotoError


def test_no_two_photos_share_a_folder():
    photos = [Path(p) for p in ("x/a.jpg", "x/A.png", "x/b.jpg", "y/b.jpg", "x/c.jpg")]
    names = [job.name for job in jobs_of(photos)]
    assert names == ["a.jpg", "A.png", "b.jpg-3", "b.jpg-4", "c"]


@pytest.fixture
def finished(tmp_path):
    """A photo with a record of its result."""
    photo, wanted = tmp_path / "a.jpg", Wanted(tmp_path / "out")
    photo.write_bytes(b"photo")
    job, stamp = PhotoJob(photo, "a"), stamp_of(wanted)
    record = {**faces._record(job, stamp), "folders": ["a"]}
    for path, text in (
        (faces._record_path(wanted, job), json.dumps(record)),
        (tmp_path / "out/a" / faces._SUMMARY, "{}"),
    ):
        write_atomically(path, lambda p, text=text: p.write_text(text))
    return wanted, job


def test_a_finished_photo_is_finished(finished):
    wanted, job = finished
    assert is_done(wanted, job, stamp_of(wanted))
    assert is_done(wanted, job, stamp_of(replace(wanted, threads=3, device="cpu")))


@pytest.mark.parametrize("change", [{"html": True}, {"faces": "all"}, {"ipd_mm": 60.0}])
def test_other_options_make_it_again(finished, change):
    wanted, job = finished
    assert not is_done(wanted, job, stamp_of(replace(wanted, **change)))


def test_another_photo_or_a_lost_result_is_made_again(finished):
    wanted, job = finished
    stamp = stamp_of(wanted)
    (wanted.out / "a" / faces._SUMMARY).unlink()
    assert not is_done(wanted, job, stamp)
    (wanted.out / "a" / faces._SUMMARY).write_text("{}")
    os.utime(job.photo, ns=(0, 0))
    assert not is_done(wanted, job, stamp)
    faces._record_path(wanted, job).write_text("no record")
    assert not is_done(wanted, job, stamp)


def test_what_hiface_refuses_is_a_failure_and_a_full_disk_ends_it():
    def refusing(error):
        raise error

    assert attempt(refusing, PhotoError("no face")) == Failure("no face")
    assert attempt(refusing, OutputError("full")).fatal
    with pytest.raises(ZeroDivisionError):
        attempt(refusing, ZeroDivisionError())
