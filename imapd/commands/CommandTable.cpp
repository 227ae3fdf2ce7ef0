#include "imapd/commands/CommandTable.h"

#include <array>

#include "imapd/commands/Append.h"
#include "imapd/commands/Authenticate.h"
#include "imapd/commands/Capability.h"
#include "imapd/commands/Check.h"
#include "imapd/commands/Close.h"
#include "imapd/commands/Copy.h"
#include "imapd/commands/Create.h"
#include "imapd/commands/Delete.h"
#include "imapd/commands/Enable.h"
#include "imapd/commands/Expunge.h"
#include "imapd/commands/Fetch.h"
#include "imapd/commands/HiddenExtensions.h"
#include "imapd/commands/Id.h"
#include "imapd/commands/Idle.h"
#include "imapd/commands/List.h"
#include "imapd/commands/Logout.h"
#include "imapd/commands/Move.h"
#include "imapd/commands/Namespace.h"
#include "imapd/commands/Noop.h"
#include "imapd/commands/Rename.h"
#include "imapd/commands/Search.h"
#include "imapd/commands/Select.h"
#include "imapd/commands/StartTls.h"
#include "imapd/commands/Status.h"
#include "imapd/commands/Store.h"
#include "imapd/commands/Subscribe.h"
#include "imapd/commands/Unselect.h"

namespace imapd {

namespace {

template <class Wanted, std::size_t index = 0>
constexpr std::size_t indexOf() {
    if constexpr (std::is_same_v<std::variant_alternative_t<index, Arguments>, Wanted>)
        return index;
    else
        return indexOf<Wanted, index + 1>();
}

using Start = std::unique_ptr<Execution> (*)(Session&, Arguments&&);

enum States { Any, NotAuthenticatedOnly, AuthenticatedOrSelected, SelectedOnly };
// What news may be told before the tagged response.
enum News { Nothing, NoExpunge, Everything, NewsAlone };

template <class Wanted>
constexpr CommandRow row(std::string_view name, States states, News news, Start start, bool namesTarget = false) {
    return {indexOf<Wanted>(),
            name,
            states == Any || states == NotAuthenticatedOnly,
            states == Any || states == AuthenticatedOrSelected,
            states == Any || states == AuthenticatedOrSelected || states == SelectedOnly,
            news == Everything || news == NewsAlone,
            news != Nothing,
            news == NewsAlone,
            namesTarget,
            start};
}

constexpr std::array rows{
    row<Capability>("CAPABILITY", Any, Everything, startCapability),
    row<Noop>("NOOP", Any, NewsAlone, startNoop),
    row<Logout>("LOGOUT", Any, Nothing, startLogout),
    row<Id>("ID", Any, Everything, startId),
    row<StartTls>("STARTTLS", NotAuthenticatedOnly, Nothing, startStartTls),
    row<Authenticate>("AUTHENTICATE", NotAuthenticatedOnly, Nothing, startAuthenticate),
    row<Login>("LOGIN", NotAuthenticatedOnly, Nothing, startLogin),
    // RFC 5161 3.1 has ENABLE before any mailbox is selected; clients that are late do no harm.
    row<Enable>("ENABLE", AuthenticatedOrSelected, Everything, startEnable),
    row<Select>("SELECT", AuthenticatedOrSelected, Nothing, startSelect),
    row<Create>("CREATE", AuthenticatedOrSelected, Everything, startCreate),
    row<Delete>("DELETE", AuthenticatedOrSelected, Everything, startDelete),
    row<Rename>("RENAME", AuthenticatedOrSelected, Everything, startRename),
    row<Subscribe>("SUBSCRIBE", AuthenticatedOrSelected, Everything, startSubscribe),
    row<Unsubscribe>("UNSUBSCRIBE", AuthenticatedOrSelected, Everything, startUnsubscribe),
    row<List>("LIST", AuthenticatedOrSelected, Everything, startList),
    row<Lsub>("LSUB", AuthenticatedOrSelected, Everything, startLsub),
    row<XList>("XLIST", AuthenticatedOrSelected, Everything, startXList),
    row<Status>("STATUS", AuthenticatedOrSelected, Everything, startStatus),
    row<Namespace>("NAMESPACE", AuthenticatedOrSelected, Everything, startNamespace),
    row<Idle>("IDLE", AuthenticatedOrSelected, Everything, startIdle),
    row<Append>("APPEND", AuthenticatedOrSelected, Everything, startAppend, true),
    row<Check>("CHECK", SelectedOnly, NewsAlone, startCheck),
    row<Close>("CLOSE", SelectedOnly, Nothing, startClose),
    row<Unselect>("UNSELECT", SelectedOnly, Nothing, startUnselect),
    row<Expunge>("EXPUNGE", SelectedOnly, Everything, startExpunge),
    // By sequence numbers these three tell no EXPUNGE (RFC 3501 7.4.1).
    row<Search>("SEARCH", SelectedOnly, NoExpunge, startSearch),
    row<Fetch>("FETCH", SelectedOnly, NoExpunge, startFetch),
    row<Store>("STORE", SelectedOnly, NoExpunge, startStore),
    row<Copy>("COPY", SelectedOnly, Everything, startCopy, true),
    row<Move>("MOVE", SelectedOnly, Everything, startMove, true),
};

static_assert(rows.size() == std::variant_size_v<Arguments>);

constexpr bool isInOrder() {
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (rows[i].argumentsIndex != i) return false;
    }
    return true;
}
static_assert(isInOrder(), "the rows stand in the order of the variant");

}  // namespace

const CommandRow& rowOf(const Arguments& arguments) {
    return rows[arguments.index()];
}

namespace {

const CommandRow* rowNamed(std::string_view name) {
    if (name.starts_with("UID ")) name.remove_prefix(4);
    if (name == "EXAMINE") name = "SELECT";  // they share a row
    for (const CommandRow& each : rows) {
        if (each.name == name) return &each;
    }
    return nullptr;
}

}  // namespace

CommandSet commandSet() {
    return {rowOf, rowNamed, refusalOfHidden, appendRefusal, capabilityText};
}

}  // namespace imapd
