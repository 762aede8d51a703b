"""Every controller on one runtime: `runtime/` the loop, `<name>/` a pure plan and a thin controller,
`descriptors.py` all of them in order, `manager.py` what runs them."""
