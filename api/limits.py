"""How much one caller may do in a while. Floor 3.

Each worker counts for itself, in memory: a limit protects the others, it is no bill.
"""

from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from core.errors import TooMany

MESSAGES = RateLimitItemPerSecond(5, 5)  # a burst of five, one a second in the long run
STARTS = RateLimitItemPerMinute(30)
RIGHTS = RateLimitItemPerMinute(60)  # of one visitor over the own data
SIGN_INS = RateLimitItemPerMinute(10)


class TooFast(TooMany):
    code = "too_fast"


class Limits:
    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    async def spend(self, limit: RateLimitItem, *who: str) -> None:
        """
        Raises:
            TooFast: with the seconds to wait; nothing was done.

        """
        if not await self._limiter.hit(limit, *who):
            wait = max(1.0, limit.get_expiry() / limit.amount)
            raise TooFast("That was a little fast. Please wait a moment and send it again.", wait)
