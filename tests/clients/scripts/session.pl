# A whole session of Perl's Mail::IMAPClient. Arguments: host, port, user, password.
use strict;
use warnings;
use Mail::IMAPClient;
my ($host, $port, $user, $password) = @ARGV;
my $text = "From: a\@example.org\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nHello\r\n";
my $imap = Mail::IMAPClient->new(Server => $host, Port => $port, User => $user, Password => $password, Uid => 1)
    or die "login: $@";
sub need { my ($holds, $what) = @_; $holds or die "$what: " . ($imap->LastError // "") . "\n"; return $holds; }
need(scalar(grep { $_ eq "INBOX" } $imap->folders), "no INBOX");
need($imap->select("INBOX"), "select");
need($imap->append_string("INBOX", $text, '\Seen', "01-Mar-2019 01:02:03 +0530"), "append");
need($imap->append_string("INBOX", $text), "append");
my @uids = $imap->search("CHARSET", "UTF-8", "SUBJECT", \"Gr\xc3\xbc\xc3\x9fe");
need(@uids == 2, "search: @uids");
need($imap->message_string($uids[0]) eq $text, "fetch");
need($imap->fetch_hash([@uids], "ENVELOPE", "BODYSTRUCTURE", "INTERNALDATE", "FLAGS"), "fetch_hash");
need($imap->fetch($uids[0], "FLAGS", "UID"), "fetch without parentheses");
need($imap->internaldate($uids[0]), "internaldate");
need($imap->create('Pr&APw-fung'), "create");
need($imap->subscribe('Pr&APw-fung'), "subscribe");
need($imap->set_flag("Flagged", @uids), "store");
need($imap->copy('Pr&APw-fung', $uids[0]), "copy");
need($imap->move('Pr&APw-fung', $uids[1]), "move");
need($imap->message_count('Pr&APw-fung') == 2, "status");
my $tag = need($imap->idle, "idle");
need($imap->done($tag), "done");
need($imap->rename('Pr&APw-fung', "Ablage"), "rename");
need($imap->delete_message($uids[0]), "delete_message");
need($imap->expunge, "expunge");
my @left = $imap->search("ALL");
need(!@left, "expunged");
need($imap->unsubscribe('Pr&APw-fung'), "unsubscribe");
need($imap->delete("Ablage"), "delete");
need($imap->logout, "logout");
print "done\n";
