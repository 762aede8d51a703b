"""What every controller shares: the loop, expectations, owner references, pods made from templates."""
