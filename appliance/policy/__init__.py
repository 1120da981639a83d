"""The rules of outside calls as values and pure functions.

`decide()` says whether somebody may dial a number now, over which trunks and with which
caller id; `resolve()` says where an outside caller's number leads. Services publish their
part of the tables in `Reference.facts`; `gather.policy()` joins them, and the same joined
tables are rendered for the dialplan, so that no Python is needed to place a call.
"""
