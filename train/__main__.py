"""`python -m train`: the same as `tenfold train`, in a checkout."""

from tenfold.data.process import leave, process_began

STARTED = process_began()    # the interpreter's start and the heavy imports count against the budget

from tenfold.train.run.command import main  # noqa: E402

leave(main(started=STARTED))
