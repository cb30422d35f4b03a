from darkmagic.trainers.preflight.finding import Finding as Finding
from darkmagic.trainers.preflight.finding import Level as Level
from darkmagic.trainers.preflight.run import run_preflight as run_preflight
