#include <Poco/ClassLibrary.h>

#include "plugins/auth-ldap/LdapAuthenticator.h"

MAILDOCK_LIBRARY("authenticator")

POCO_BEGIN_MANIFEST(maildock::Authenticator)
POCO_EXPORT_CLASS(maildock::ldap::LdapAuthenticator)
POCO_END_MANIFEST
