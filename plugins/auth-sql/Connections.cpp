#include "plugins/auth-sql/Connections.h"

#include <chrono>

namespace maildock::sql {

Connections::Connections(Target target, std::size_t count)
    : _timeout(target.timeoutSeconds),
      _pool(std::make_shared<Pool>([target = std::move(target)] { return std::make_unique<Connection>(target); })),
      _calls(count, _timeout, [pool = _pool] { pool->closeIdle(common::BoundedCalls::idleTime); }) {}

Result Connections::ask(const std::shared_ptr<const Query>& query, const std::string& user) {
    const auto result = _calls.ask<Result>([pool = _pool, query, user]() -> Result {
        try {
            const auto ask = [&](Connection& connection) { return connection.ask(*query, user); };
            return {Result::Kind::Answered, pool->use(ask), {}};
        } catch (const Unreachable& e) {
            return {Result::Kind::Unreachable, {}, e.what()};
        } catch (const std::exception& e) {
            return {Result::Kind::Refused, {}, e.what()};
        }
    });
    if (result) return *result;
    return {Result::Kind::Unreachable, {}, "no answer within " + std::to_string(_timeout.count()) + " s"};
}

}  // namespace maildock::sql
