"""Places that a network's code writes as calls and not as modules, such as `F.relu(x)`.

The code that runs enters; a module in the place of one of its calls leaves. `trainers.models`
imports it.
"""
