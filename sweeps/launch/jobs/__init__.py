"""Jobs that any process of any machine may run, as files of a folder that all of them share.

Composed jobs enter; how each ended leaves, with no server between. Launchers of several machines
import it, and so does `commands`; the local launcher imports what runs a job.
"""
