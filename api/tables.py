"""Every package's tables in one place, for the migrations and the tests of the data map. Floor 3."""

import bot.tables
import core.tables
import handoff.tables
import knowledge_base.tables
from core.db import Base

METADATA = Base.metadata
PACKAGES = (bot.tables, core.tables, handoff.tables, knowledge_base.tables)
