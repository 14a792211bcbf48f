"""What does the shortest device program do?  It reports, and obeys.  The README's; any cloud."""

import board
import signet

link = signet.open("device.json", board)
link.on_command = board.obey  # a function of one command; what it returns is the answer
while True:
    link.report(board.sensors())  # {"temperature": 21.5, ...}: waits, on flash when it must
    link.poll(link.report_interval_ms)  # connects, sends, hears, tries again; raises nothing
