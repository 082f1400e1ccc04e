//go:build !linux

package sandkasse

import "os/exec"

func dorMedForelder(*exec.Cmd) {}
