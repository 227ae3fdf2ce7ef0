// A bounded number of connections to one database, and the threads that ask over them. Any thread may ask.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "plugins/auth-sql/Connection.h"
#include "plugins/common/BoundedCalls.h"
#include "plugins/common/ConnectionPool.h"

namespace maildock::sql {

struct Result {
    enum class Kind { Answered, Unreachable, Refused };  // Refused: the database does not take the query
    Kind kind = Kind::Unreachable;
    Answer answer;
    std::string fault;  // for the log
};

class Connections {
public:
    Connections(Target target, std::size_t count);
    // Waits no longer than the target's timeout.
    [[nodiscard]] Result ask(const std::shared_ptr<const Query>& query, const std::string& user);

private:
    using Pool = common::ConnectionPool<Connection>;
    const std::chrono::seconds _timeout;
    const std::shared_ptr<Pool> _pool;  // the running calls' too
    common::BoundedCalls _calls;
};

}  // namespace maildock::sql
