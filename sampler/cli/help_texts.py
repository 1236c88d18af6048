"""What ``sampler -h`` and ``sampler COMMAND -h`` say beyond a sentence."""

from __future__ import annotations

EPILOG = """\
exit status: 0 success; 2 wrong arguments; 69 an endpoint does not answer, or a
package is not installed; 78 the configuration has problems. 'sampler validate'
and 'sampler demo' end with 1 when they find a fault; 'sampler validate' ends
with 3 when it saw too little for a verdict.

'sampler COMMAND -h' describes a command. Without a configuration, 'sampler run'
serves the numbers of its own process on http://127.0.0.1:9464/metrics.
"""

RUN = """
With -- COMMAND, run a relay and beside it the command: each process of it that
serves reports to the relay, which collects and delivers for all of them.

  sampler run -c sampler.toml -- gunicorn -w 4 app:app
"""

JOB = """
It is run as by 'sampler run --', and its exit status is the command's. What it
counts arrives at its end, and with it, as metrics of the sampler job:

  job.duration                 seconds that it took
  job.exit_status              128 and the number, if a signal has ended it
  job.last_success.timestamp   when it ended with 0; a failed run leaves it alone

  sampler job -c sampler.toml -- python backup.py --all

The service is what the file says, else the command's name. In a Pushgateway all
runs of a service share one group. The command runs also where the configuration
has problems: they are printed, and --fail-undelivered makes them its status.
"""

CONFIG = """
  sampler config sample    a commented sampler.toml to begin with
  sampler config schema    a JSON Schema of sampler.toml, for editors
  sampler config markdown  every key, as a page of documentation

They hold every key of every installed adapter; the page, of ours only.
"""

EXPLAIN = """
  sampler explain interval              a key, in every table that has it
  sampler explain adapters.eu.prefix    a key of one table; also graphite.prefix
  sampler explain graphite              an adapter, or a sampler
  sampler explain process.cpu.time      a metric, by its full name
  sampler explain oldest                why entries were dropped, samples
                                        refused, or pulls failed
  sampler explain unconfirmed           an outcome of entries
  sampler explain SAMPLER_CONFIG        a variable of the environment
  sampler explain 78                    an exit status
  sampler explain C-11                  a clause of the PEP draft
  sampler explain A-05                  a rule for adapters
"""

COMPLETION = """
  bash:  sampler completion bash > ~/.local/share/bash-completion/completions/sampler
  zsh:   sampler completion zsh > DIR/_sampler, with DIR in $fpath

They hold from the next shell on. They need shtab: pip install 'sampler-api[completion]'
"""

VALIDATE = """
Two consumers pull the sampler, in turns and at once. Each breach is printed
with its clause and a remedy. A longer run, and a busier source, show more.

  sampler validate mypool.metrics:SAMPLER    a mapping in a module
  sampler validate process                   an installed sampler
  sampler validate mypool.metrics:SAMPLER --exercise tests.load:use_pool
                                             with something to count

exit status: 0 it conforms; 1 it breaks a clause; 2 it cannot be imported, or
the exercise raised; 3 no verdict: it yielded nothing, or nothing that counts
has grown.
"""
