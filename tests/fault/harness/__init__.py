"""
What the fault tests stand on: a script that counts what it logged, agents that may be killed, and the oracle that compares the two.

Nothing here asserts about Outrider's insides: the counters are the script's, the truth is what a reader of the store gets.
"""
