// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databases

import (
	"context"
	"database/sql"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/go-sql-driver/mysql"
)

// MariaDB is MariaDB whose order of texts ignores case.
var MariaDB = sync.OnceValues(func() (*Server, error) {
	install, err := program("mariadb-install-db")
	if err != nil {
		return nil, err
	}
	mariadbd, err := program("mariadbd", "/usr/sbin")
	if err != nil {
		return nil, err
	}
	s, err := prepare("mysql", "mysql")
	if err != nil {
		return nil, err
	}
	if err := s.run(install, "--no-defaults", "--datadir="+s.Dir, "--auth-root-authentication-method=normal",
		"--skip-test-db"); err != nil {
		return nil, err
	}
	socket := filepath.Join(s.Dir, "socket")
	s.command = []string{mariadbd, "--no-defaults", "--datadir=" + s.Dir, "--socket=" + socket,
		"--pid-file=" + filepath.Join(s.Dir, "pid"), "--port=" + strconv.Itoa(s.Port), "--bind-address=127.0.0.1",
		"--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=128M", "--max-connections=40",
		"--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci"}
	if s.db, err = s.open(""); err != nil {
		return nil, err
	}
	if err := s.begin(); err != nil {
		return nil, err
	}
	root, err := sql.Open("mysql", "root@unix("+socket+")/")
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if err := s.answers(root.PingContext); err != nil {
		return nil, err
	}
	for _, statement := range []string{
		"CREATE USER " + Admin + "@'%' IDENTIFIED BY '" + Admin + "'",
		"GRANT ALL ON *.* TO " + Admin + "@'%' WITH GRANT OPTION",
	} {
		if _, err := root.ExecContext(context.Background(), statement); err != nil {
			return nil, err
		}
	}
	return s, s.Ready()
})

func init() { _ = mysql.SetLogger(&mysql.NopLogger{}) }
