//go:build !unix

package mysqltest

import (
	"errors"
	"os"
	"os/exec"
)

func tryFlock(*os.File) (bool, error) {
	return false, errors.New("starting servers needs a Unix system; give addresses in the environment instead")
}

func detach(*exec.Cmd) {}
