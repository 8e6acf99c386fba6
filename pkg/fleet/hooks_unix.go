//go:build unix

package fleet

import (
	"os/exec"
	"syscall"
)

// ownGroup gives a program a process group of its own, and has its end be the
// end of all in it.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
