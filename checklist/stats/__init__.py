"""The statistics of a comparison.

Arrays of accuracies by trial and seed enter; estimates, intervals and p-values leave. Any room of
`checklist` above it may import it.
"""
