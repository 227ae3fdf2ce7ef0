// One connection to the database, through Poco Data. Used by one thread at a time.
#pragma once

#include <Poco/Data/Session.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "plugins/auth-sql/Query.h"
#include "plugins/common/ConnectionPool.h"

namespace maildock::sql {

enum class Database { Sqlite, PostgreSql, MySql, Odbc };

// sqlite, postgresql, mysql or odbc.
[[nodiscard]] Database databaseOf(const std::string& name);
[[nodiscard]] Parameters parametersOf(Database database);

// Where the database is. Immutable.
struct Target {
    Database database = Database::Sqlite;
    std::string connection;  // a file for SQLite, else what Poco's connector takes
    int timeoutSeconds = 10;

    // What can be seen to be wrong without asking the database; empty: nothing.
    [[nodiscard]] std::string fault() const;
    // A message of the database's library as one line of the log, without the password of the connection.
    [[nodiscard]] std::string tidied(const std::string& message) const;
};

using common::Unreachable;

// A column that is NULL has no value. Names are in lower case.
using Row = std::vector<std::pair<std::string, std::optional<std::string>>>;

struct Answer {
    std::vector<std::string> columns;
    std::vector<Row> rows;  // two at most
};

class Connection {
public:
    explicit Connection(Target target);

    // Whether it was open when it was last used, which may have changed meanwhile.
    [[nodiscard]] bool isOpen() const { return _isOpen; }
    // Throws Unreachable.
    void open();
    // One that broke stays as it is, to be opened again.
    void close();
    // Throws std::exception; then either isOpen() is still true, and the query is at fault, or the connection is.
    [[nodiscard]] Answer ask(const Query& query, const std::string& user);

private:
    void openSession();
    void probePostgreSql() const;
    void limitTime();
    void refuseReplacedFile();
    [[nodiscard]] Answer askSession(const Query& query, const std::string& user);

    const Target _target;
    std::optional<Poco::Data::Session> _session;
    bool _isOpen = false;
    dev_t _device = 0;  // of SQLite's file, which an admin may replace
    ino_t _inode = 0;
};

}  // namespace maildock::sql
