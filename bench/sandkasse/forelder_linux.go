package sandkasse

import (
	"os/exec"
	"syscall"
)

// dorMedForelder: the death of the judge must not leave the judged running.
func dorMedForelder(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
