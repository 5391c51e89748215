"""The commands of `outrider` that need the agent's package: one file a group."""
