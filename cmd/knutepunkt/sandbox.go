package main

import (
	"context"
	"flag"
	"log/slog"

	"knutepunkt/internal/sandbox"
)

func sandboxCommand() command {
	return command{
		name: "sandbox", summary: "Run a whole platform on this machine, with no configuration",
		help: `
Starts everything with synthetic organisations, persons and keys, and prints where
it is. What it knows is in DIR/sandbox.json; it is ready when GET /readyz answers
200. Started again on the same DIR it goes on where it was. Ctrl-C stops it gently.

With --demo a complete case is played through the public APIs first.

Example:
  knutepunkt sandbox --demo
  knutepunkt sandbox --dir /tmp/sandkasse --http 127.0.0.1:0 --amqp 127.0.0.1:0 --amqps 127.0.0.1:0
`,
		setup: func(fs *flag.FlagSet) action {
			cfg := sandbox.Config{}
			level := slog.LevelWarn
			fs.StringVar(&cfg.Dir, "dir", sandbox.StandardDir, "the data `DIR`; made when it is not there")
			fs.StringVar(&cfg.HTTP, "http", sandbox.StandardHTTP, "`ADDR` of the APIs; port 0 picks a free one")
			fs.StringVar(&cfg.AMQP, "amqp", sandbox.StandardAMQP, "`ADDR` of the AMQP listener without TLS")
			fs.StringVar(&cfg.AMQPS, "amqps", sandbox.StandardAMQPS, "`ADDR` of the AMQP listener with TLS")
			fs.BoolVar(&cfg.Demo, "demo", false, "play a complete case first, step by step")
			fs.TextVar(&level, "log", level, "`LEVEL` of the log on standard error: DEBUG, INFO, WARN or ERROR. INFO tells of each request")
			return func(ctx context.Context, t terminal, _ []string) error {
				cfg.Out = t.out
				cfg.Log = slog.New(slog.NewTextHandler(t.err, &slog.HandlerOptions{Level: level}))
				return sandbox.Run(ctx, cfg)
			}
		},
	}
}
