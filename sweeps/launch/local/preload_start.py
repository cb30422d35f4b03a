"""What the fork server imports first: imports that follow are not searched for garbage.

Python's own advice for processes that fork (https://docs.python.org/3/library/gc.html#gc.freeze).
"""

import gc

gc.disable()
