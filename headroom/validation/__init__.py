"""The validation pack: what others measured or proved, beside what the model makes of it."""
