//go:build unix

package mysqltest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

func tryFlock(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("lock file: %w", err)
	}
	return true, nil
}

// detach lets a server outlive the test that started it, and keeps a Ctrl-C
// at the terminal from reaching it.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
