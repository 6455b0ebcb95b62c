"""Residents and staff: who they are, how that was proofed, how they log in, what each service knows them as.

The platform's own authentication service is an OpenID provider: `authorization`, `grants`, `clients`, `tokens`,
`dpop`. The desk enrols and looks after people: `desk`, `residents`, `credentials`, `staff`. Browser sessions:
`sessions`. The named boundary where privacy can be lost: `pairwise`.
"""

from moyai.identity.credentials import current_code
from moyai.identity.dpop import Proof, check_proof
from moyai.identity.pairwise import resolve, subject_of
from moyai.identity.residents import erase
from moyai.identity.sessions import caller_of, sweep
from moyai.identity.tokens import AccessToken, TokenVerifier

__all__ = [
    "AccessToken",
    "Proof",
    "TokenVerifier",
    "caller_of",
    "check_proof",
    "current_code",
    "erase",
    "resolve",
    "subject_of",
    "sweep",
]
