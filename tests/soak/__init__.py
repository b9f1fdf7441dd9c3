"""Long runs of what the test suite tries briefly: kills, random commands, damage, hostile files.

`python -m tests.soak kill --count 200`. Each prints what it did as JSON and fails at the first thing that is wrong.
"""
