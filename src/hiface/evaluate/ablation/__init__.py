"""The ablation study: rows of differences, trained several times each, measured and put into tables."""
