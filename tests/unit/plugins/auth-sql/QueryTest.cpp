// The admin's queries: variables become parameters, and nothing of a user's name becomes text.
#include <cppunit/extensions/HelperMacros.h>

#include "plugins/auth-sql/Connection.h"
#include "plugins/auth-sql/Query.h"

namespace {

using maildock::sql::Database;
using maildock::sql::Parameters;
using maildock::sql::Query;
using maildock::sql::QueryError;
using maildock::sql::Target;

class QueryTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(QueryTest);
    CPPUNIT_TEST(variablesBecomeParameters);
    CPPUNIT_TEST(quotesAroundAVariableAreDropped);
    CPPUNIT_TEST(literalsWithVariablesAreOneParameter);
    CPPUNIT_TEST(parametersOfMySqlHaveAType);
    CPPUNIT_TEST(literalsStayAsTheyAre);
    CPPUNIT_TEST(whatCannotWorkIsRefused);
    CPPUNIT_TEST(valuesAreThePartsOfTheName);
    CPPUNIT_TEST(messagesShowNoPassword);
    CPPUNIT_TEST_SUITE_END();

    static Query question(const std::string& text) { return Query::parse(text, Parameters::Question); }
    static Query numbered(const std::string& text) { return Query::parse(text, Parameters::Numbered); }

public:
    void variablesBecomeParameters() {
        const std::string text = "SELECT p FROM t WHERE a = %n AND b=%d OR c = %u";
        CPPUNIT_ASSERT_EQUAL(std::string("SELECT p FROM t WHERE a = ? AND b=? OR c = ?"), question(text).sql);
        CPPUNIT_ASSERT_EQUAL(std::string("SELECT p FROM t WHERE a = $1 AND b=$2 OR c = $3"), numbered(text).sql);
        CPPUNIT_ASSERT(question(text).parameters == (std::vector<std::string>{"%n", "%d", "%u"}));
    }

    void quotesAroundAVariableAreDropped() {
        CPPUNIT_ASSERT_EQUAL(std::string("SELECT p FROM t WHERE a = ? AND b = '@'"),
                             question("SELECT p FROM t WHERE a = '%u' AND b = '@'").sql);
        CPPUNIT_ASSERT_EQUAL(std::string("x = $1 || '@' || $2"), numbered("x = '%n' || '@' || '%d'").sql);
    }

    void literalsWithVariablesAreOneParameter() {
        const Query query = numbered("SELECT p, '/srv/mail/%d/%n' AS home, 'it''s %u, 5%%' FROM t WHERE a = '%n@%d'");
        CPPUNIT_ASSERT_EQUAL(std::string("SELECT p, $1 AS home, $2 FROM t WHERE a = $3"), query.sql);
        CPPUNIT_ASSERT(
            query.valuesFor("anna@example.org") ==
            (std::vector<std::string>{"/srv/mail/example.org/anna", "it's anna@example.org, 5%", "anna@example.org"}));
        // What a name holds is not read as a variable again.
        CPPUNIT_ASSERT(numbered("'x/%u'").valuesFor("%n%%") == std::vector<std::string>{"x/%n%%"});
    }

    void parametersOfMySqlHaveAType() {
        const auto sqlOf = [](const std::string& text) { return Query::parse(text, Parameters::Cast).sql; };
        CPPUNIT_ASSERT_EQUAL(std::string("SELECT p, CAST(? AS CHAR(1024)) AS user FROM t WHERE a = ?"),
                             sqlOf("SELECT p, '%u' AS user FROM t WHERE a = %u"));
        CPPUNIT_ASSERT_EQUAL(
            std::string("select (select x from y where z = ?), f(CAST(? AS CHAR(1024))) from t where (a = ? or b)"),
            sqlOf("select (select x from y where z = %u), f('%d/') from t where (a = %u or b)"));
        CPPUNIT_ASSERT_EQUAL(std::string("SELECT from_me, CAST(? AS CHAR(1024)) FROM t"),
                             sqlOf("SELECT from_me, %u FROM t"));
    }

    void literalsStayAsTheyAre() {
        CPPUNIT_ASSERT_EQUAL(std::string("a = 'it''s ? $1' AND b = ?"), question("a = 'it''s ? $1' AND b = %u").sql);
        CPPUNIT_ASSERT_EQUAL(std::string("a LIKE 'x%' AND b = ? AND c % 2 = 0 AND \"?\" = 'u%u'"),
                             question("a LIKE 'x%%' AND b = %u AND c %% 2 = 0 AND \"?\" = 'u%%u'").sql);
        CPPUNIT_ASSERT_EQUAL(std::string("a LIKE 'x%' AND b = ?"), question("a LIKE 'x%' AND b = %u").sql);
    }

    void whatCannotWorkIsRefused() {
        for (const char* const foreign : {"%Ln", "%{user}", "'%Ln'", "'%{user | username}'"}) {
            const std::string text = std::string("SELECT p FROM t WHERE a = %u AND b = ") + foreign;
            CPPUNIT_ASSERT_THROW_MESSAGE(foreign, question(text), QueryError);
        }
        CPPUNIT_ASSERT_THROW(question("SELECT p FROM t"), QueryError);
        CPPUNIT_ASSERT_THROW(question("SELECT p FROM t WHERE a = '%n\\'@%d'"), QueryError);
        CPPUNIT_ASSERT_THROW(question("SELECT p AS \"%u's\" FROM t"), QueryError);
        CPPUNIT_ASSERT_THROW(question("SELECT p FROM t WHERE a = \"%u\""), QueryError);
        CPPUNIT_ASSERT_THROW(question("SELECT p FROM t WHERE a = '%u"), QueryError);
        CPPUNIT_ASSERT_THROW(question("SELECT p FROM t WHERE a = %u AND b = ?"), QueryError);
        CPPUNIT_ASSERT_THROW(numbered("SELECT p FROM t WHERE a = %u AND b = $1"), QueryError);
        CPPUNIT_ASSERT_THROW(question(""), QueryError);
        CPPUNIT_ASSERT_EQUAL(std::string("a ? b AND c = $1"), numbered("a ? b AND c = %u").sql);
    }

    void valuesAreThePartsOfTheName() {
        const Query query = question("%u %n %d");
        CPPUNIT_ASSERT(query.valuesFor("a@b@c.org") == (std::vector<std::string>{"a@b@c.org", "a@b", "c.org"}));
        CPPUNIT_ASSERT(query.valuesFor("anna") == (std::vector<std::string>{"anna", "anna", ""}));
        CPPUNIT_ASSERT(query.valuesFor("' OR 1") == (std::vector<std::string>{"' OR 1", "' OR 1", ""}));
    }

    void messagesShowNoPassword() {
        const Target postgresql{Database::PostgreSql, "host=h password=pass1 dbname=d", 1};
        CPPUNIT_ASSERT_EQUAL(std::string("at *** x"), postgresql.tidied("at pass1\n   x\n"));
        const Target odbc{Database::Odbc, "Driver=x;Uid=u;Pwd=pass2", 1};
        CPPUNIT_ASSERT_EQUAL(std::string("Uid=u;Pwd=***"), odbc.tidied("Uid=u;Pwd=pass2"));
        CPPUNIT_ASSERT(postgresql.fault().empty());
        CPPUNIT_ASSERT(!Target({Database::PostgreSql, "postgresql://h/d", 1}).fault().empty());
        CPPUNIT_ASSERT(!Target({Database::PostgreSql, "host=h nonsense=1", 1}).fault().empty());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(QueryTest);

}  // namespace
