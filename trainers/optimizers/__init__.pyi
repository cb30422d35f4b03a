from darkmagic.trainers.optimizers.lion import Lion as Lion
from darkmagic.trainers.optimizers.muon import MuonAndAdamW as MuonAndAdamW
from darkmagic.trainers.optimizers.sam import Sam as Sam
from darkmagic.trainers.optimizers.schedule_free import ScheduleFreeSgd as ScheduleFreeSgd
