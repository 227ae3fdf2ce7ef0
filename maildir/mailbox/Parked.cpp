// Messages that are expunged, and stay readable in tmp/ for those who still show them (RFC 2180 4.1.1).
#include <unistd.h>

#include "maildir/mailbox/FileName.h"
#include "maildir/mailbox/MailboxState.h"

namespace maildir {

std::string Mailbox::State::freshParkingPath() const {
    return directory + "/tmp/" + uniqueBaseName() + ".expunged";
}

void Mailbox::State::park(Uid uid, std::string path) {
    const std::lock_guard lock(parkedMutex);
    parked[uid] = {std::move(path), UINT64_MAX};
}

void Mailbox::State::parkLink(Uid uid, const std::string& path) {
    const std::string link = freshParkingPath();
    if (::link(path.c_str(), link.c_str()) == 0) park(uid, link);
}

void Mailbox::State::unpark(Uid uid) {
    const std::lock_guard lock(parkedMutex);
    const auto found = parked.find(uid);
    if (found == parked.end()) return;
    unlink(found->second.path.c_str());
    parked.erase(found);
}

std::string Mailbox::State::parkedPath(Uid uid) const {
    const std::lock_guard lock(parkedMutex);
    const auto found = parked.find(uid);
    return found == parked.end() ? std::string() : found->second.path;
}

void Mailbox::State::releaseParked() {
    const std::uint64_t oldest = feed->oldestShown();
    const std::lock_guard lock(parkedMutex);
    std::erase_if(parked, [oldest](const auto& each) {
        const Parked& message = each.second;
        if (message.generation == UINT64_MAX || message.generation > oldest) return false;
        unlink(message.path.c_str());
        return true;
    });
}

Viewer::Viewer(std::shared_ptr<Mailbox> mailbox, std::function<void()> onNews)
    : _mailbox(std::move(mailbox)), _onNews(std::move(onNews)) {
    _acknowledged = _mailbox->_state->published()->generation();
    _mailbox->_state->feed->add(this, _onNews, _acknowledged);
}

Viewer::~Viewer() {
    _mailbox->_state->feed->remove(this);
    _mailbox->_state->releaseParked();
}

void Viewer::acknowledge(const Snapshot& snapshot) {
    if (snapshot.generation() == _acknowledged) return;
    _acknowledged = snapshot.generation();
    _mailbox->_state->feed->acknowledge(this, _acknowledged);
    _mailbox->_state->releaseParked();
}

}  // namespace maildir
