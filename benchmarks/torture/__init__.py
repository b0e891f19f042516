"""Attack Tenfold and count what holds: `python -m benchmarks.torture`, or `make torture`.

Read in this order: `outcomes` (what a case ends in), `lanes` (cases in processes that may crash, hang or run out of
memory), `children` (a command in a process that is killed), `tiny` (the small sets, recipes and runs that are
attacked). The attacks: `kills`, `flips`, `inputs`, `command_lines`, `disks`. `table` prints what came of them.
"""
