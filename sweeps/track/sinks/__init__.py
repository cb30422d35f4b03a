"""Where trials are written to beside MLflow, by choice: `track=tensorboard`, `track=wandb`.

What a trial has to say enters, as `TrackedRun`s that are filled as MLflow's are; files in the
experiment's folder leave. `orchestrate` and `commands` import it; packages are imported when used.
"""
