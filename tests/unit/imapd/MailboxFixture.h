// A mailbox in a folder of its own, for tests of what commands do with messages.
#pragma once

#include <Poco/TemporaryFile.h>
#include <cppunit/TestFixture.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "maildir/mailbox/Mailbox.h"
#include "maildir/watch/Watcher.h"

namespace imapd {

class MailboxFixture : public CppUnit::TestFixture {
public:
    void setUp() override {
        for (const auto folder : {"cur", "new", "tmp"}) {
            std::filesystem::create_directories(_directory + "/" + folder);
        }
        maildir::Mailbox::Options options;
        options.facts = maildir::makeMemoryFactStore(1 << 20);
        options.columns = std::make_shared<maildir::Columns>();
        options.renderings = std::make_shared<maildir::Renderings>(_directory + "/tmp");
        options.watcher = std::make_shared<maildir::Watcher>(maildir::Watcher::Options());
        _mailbox = std::make_shared<maildir::Mailbox>(_directory, options);
    }

    void tearDown() override {
        _mailbox.reset();
        std::filesystem::remove_all(_directory);
    }

protected:
    void deliver(const std::string& name, const std::string& octets) const {
        std::ofstream(_directory + "/cur/" + name + ":2,", std::ios::binary) << octets;
    }

    // Delivers a message, gives its UID.
    maildir::Uid delivered(const std::string& octets) {
        deliver("1." + std::to_string(_mailbox->snapshot()->size()), octets);
        const auto snapshot = _mailbox->refresh();
        return snapshot->at(snapshot->size() - 1)->uid;
    }

    const std::string _directory = Poco::TemporaryFile::tempName();
    std::shared_ptr<maildir::Mailbox> _mailbox;
};

}  // namespace imapd
