from darkmagic import schedules as schedules
from darkmagic import tricks as tricks
from darkmagic._version import __version__ as __version__
from darkmagic.checklist.errors import UserError as UserError
from darkmagic.loops.loop import Loop as Loop
from darkmagic.loops.recipe import Recipe as Recipe
from darkmagic.study.make import checklist as checklist
from darkmagic.study.study import Study as Study
