// Every function that a header declares outside of classes has a comment, of its own or of the lines it
// stands with.
#include <QDirIterator>
#include <QFile>
#include <QRegularExpression>

#include "tests/test_main.h"

namespace {

/// "line: declaration" of each function in the text of a header that no comment stands above. Declarations
/// without an empty line between them share a comment.
QStringList undocumentedIn(const QString& header) {
    static const QRegularExpression notAFunction(
        "^(namespace|using|class|struct|enum|template|constexpr|inline constexpr|extern|static|return|public|"
        "private|protected|Q_[A-Z_]+|RHEO_NULLS)\\b");
    // A function of a class that is defined below it has its comment inside.
    static const QRegularExpression ofAClass("\\w+::~?\\w+\\(");
    QStringList found;
    bool commented = false;
    const QStringList lines = header.split('\n');
    for (qsizetype i = 0; i < lines.size(); ++i) {
        const QString& line = lines[i];
        if (line.trimmed().isEmpty()) commented = false;
        if (line.startsWith("//")) commented = true;
        if (line.isEmpty() || !(line[0].isLetter() || line[0] == '[')) continue;
        if (notAFunction.match(line).hasMatch()) continue;
        QString statement = line;
        for (qsizetype next = i + 1;
             next < lines.size() && !statement.contains(';') && !statement.contains('{'); ++next)
            statement += ' ' + lines[next].trimmed();
        const QString declared = statement.section('=', 0, 0);
        if (declared.contains('(') && !ofAClass.match(declared).hasMatch() && !commented)
            found << QString("%1: %2").arg(i + 1).arg(statement);
    }
    return found;
}

}  // namespace

class TestDocumented : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void everyFunctionSaysWhatItDoes();
    void whatHasNoCommentIsFound();
};

void TestDocumented::everyFunctionSaysWhatItDoes() {
    int headers = 0;
    QStringList missing;
    for (const char* folder : {"core", "widgets", "app"}) {
        QDirIterator files(QString(RHEO_SOURCE "/") + folder, {"*.h"}, QDir::Files,
                           QDirIterator::Subdirectories);
        while (files.hasNext()) {
            QFile file(files.next());
            QVERIFY2(file.open(QIODevice::ReadOnly), qPrintable(file.fileName()));
            for (const QString& function : undocumentedIn(QString::fromUtf8(file.readAll())))
                missing << file.fileName().mid(qsizetype(sizeof RHEO_SOURCE)) + ":" + function;
            ++headers;
        }
    }
    QVERIFY2(headers > 300, qPrintable(QString::number(headers)));
    QVERIFY2(missing.isEmpty(), qPrintable("\n" + missing.join("\n")));
}

void TestDocumented::whatHasNoCommentIsFound() {
    QCOMPARE(undocumentedIn("/// One.\nint a(int x);\nint b();\n").size(), 0);
    QCOMPARE(undocumentedIn("/// One.\nint a();\n\nint b();\n"), QStringList{"4: int b();"});
    QCOMPARE(undocumentedIn("template <class T>\nvoid f(T x,\n       int y) {\n"),
             QStringList{"2: void f(T x, int y) {"});
    QCOMPARE(undocumentedIn("constexpr int n = g(3);\nusing F = void (*)();\nstruct S {\n    int c();\n};\n")
                 .size(),
             0);
    QCOMPARE(undocumentedIn("template <class T>\nvoid S::f(T x) {\n").size(), 0);
}

RHEO_TEST(TestDocumented)
#include "test_documented.moc"
