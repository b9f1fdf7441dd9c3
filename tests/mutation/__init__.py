"""Mutation testing: change the program in one small place at a time, and see whether its tests notice.

A mutant that survives is a number, a boundary or a branch that no test pins. `mutants` makes the changes, `trial` runs
the tests on them, `__main__` prints the table. Own work rather than mutmut or cosmic-ray: those run a whole pytest per
mutant, and importing torch and OpenCV alone takes seconds; here one process imports them and forks a child per mutant.
"""
