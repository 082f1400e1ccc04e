package main

import (
	"context"
	"flag"
	"fmt"

	"knutepunkt/internal/app"
)

func versionCommand() command {
	return command{
		name: "version", summary: "Print the version",
		help: "Example:\n  knutepunkt version\n",
		setup: func(*flag.FlagSet) action {
			return func(_ context.Context, t terminal, _ []string) error {
				fmt.Fprintln(t.out, app.Version())
				return nil
			}
		},
	}
}
