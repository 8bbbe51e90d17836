// What each module may include stands in a table of CONTRIBUTING.md; this holds the tree to it. What it
// includes, its CMake target links.
#include <QDir>
#include <QDirIterator>
#include <QFile>
#include <QLibraryInfo>
#include <QRegularExpression>

#include "tests/test_main.h"

namespace {

struct Module {
    QString folder;
    QStringList folders;    ///< that it may include from, beside its own
    QStringList libraries;  ///< as the table names them
};

/// Which library an include in angle brackets belongs to, as the table names it; empty: the standard, the
/// system, or fmt, which are open to all.
QString libraryOf(const QString& include) {
    static const QList<std::pair<QString, QRegularExpression>> patterns{
        {"torch", QRegularExpression("^(torch|ATen|c10)/")},
        {"VTK", QRegularExpression("^vtk")},
        {"Eigen", QRegularExpression("^Eigen/")},
        {"Spectra", QRegularExpression("^Spectra/")},
        {"JSON", QRegularExpression("^nlohmann/")},
        {"CLI11", QRegularExpression("^CLI/")},
        {"OpenSSL", QRegularExpression("^openssl/")},
        {"ICU", QRegularExpression("^unicode/")},
        {"PCRE2", QRegularExpression("^pcre2\\.h$")},
        {"sentencepiece", QRegularExpression("^sentencepiece")},
        {"zip", QRegularExpression("^(unzip|zlib)\\.h$")},
        {"MPI", QRegularExpression("^mpi\\.h$")},
        {"HDF5", QRegularExpression("^(hdf5\\.h$|H5)")},
    };
    for (const auto& [library, pattern] : patterns)
        if (pattern.match(include).hasMatch()) return library;
    static const QRegularExpression qt("^Q[A-Z]|^Qt|^qt");
    const QString name = include.section('/', -1);
    if (!qt.match(name).hasMatch()) return {};
    // Qt says itself in which of its modules a header lies.
    const QDir headers(QLibraryInfo::path(QLibraryInfo::HeadersPath));
    for (const char* module :
         {"QtCore", "QtGui", "QtDBus", "QtWidgets", "QtOpenGL", "QtOpenGLWidgets", "QtSvg"})
        if (headers.exists(QString(module) + "/" + name))
            return QString(module) == "QtOpenGLWidgets" ? "QtOpenGL" : module;
    return "Qt, in a module that is not known";
}

QString contentOf(const QString& path) {
    QFile file(QString(RHEO_SOURCE "/") + path);
    return file.open(QIODevice::ReadOnly) ? QString::fromUtf8(file.readAll()) : QString();
}

/// The names that a source file includes, in quotes (`open` '"') or angle brackets.
QStringList includesOf(const QString& file, char open) {
    const QString pattern =
        open == '"' ? "^\\s*#\\s*include\\s*\"([^\"]+)\"" : "^\\s*#\\s*include\\s*<([^>]+)>";
    const QRegularExpression expression(pattern, QRegularExpression::MultilineOption);
    QStringList found;
    auto matches = expression.globalMatch(contentOf(file));
    while (matches.hasNext()) found << matches.next().captured(1);
    return found;
}

/// The rows of the table whose first cell is a folder in backquotes: folder, holds, includes from, libraries.
QList<Module> readTable() {
    static const QRegularExpression row("^\\| `([a-z/]+)` \\|[^|]*\\|([^|]*)\\|([^|]*)\\|$",
                                        QRegularExpression::MultilineOption);
    static const QRegularExpression folder("`([a-z/]+)`");
    QList<Module> table;
    auto rows = row.globalMatch(contentOf("CONTRIBUTING.md"));
    while (rows.hasNext()) {
        const auto cells = rows.next();
        Module module{cells.captured(1), {}, {}};
        auto folders = folder.globalMatch(cells.captured(2));
        while (folders.hasNext()) module.folders << folders.next().captured(1);
        for (const QString& library : cells.captured(3).split(',', Qt::SkipEmptyParts))
            module.libraries << library.trimmed();
        table << module;
    }
    return table;
}

/// A module's CMake target: what it links of this tree, by the names of the modules.
struct Target {
    QString folder;
    QSet<QString> linksPublic, links;  ///< `links`: both public and private
};

QSet<QString> linksIn(const QString& words) {
    static const QRegularExpression link("\\brheo_([a-z]+)\\b");
    QSet<QString> found;
    auto matches = link.globalMatch(words);
    while (matches.hasNext()) found << matches.next().captured(1);
    return found;
}

/// The targets that rheo_module() makes, by name.
QMap<QString, Target> readTargets() {
    static const QRegularExpression module("rheo_module\\(([a-z]+)([^)]*)\\)");
    QMap<QString, Target> targets;
    for (const char* top : {"core", "widgets"})
        for (const auto& folder :
             QDir(QString(RHEO_SOURCE "/") + top).entryList(QDir::Dirs | QDir::NoDotAndDotDot)) {
            const QString path = QString(top) + "/" + folder;
            const auto found = module.match(contentOf(path + "/CMakeLists.txt"));
            if (!found.hasMatch()) continue;
            const QString words = found.captured(2);
            const QString open = words.section("PUBLIC", 1).section("PRIVATE", 0, 0);
            targets[found.captured(1)] = {path, linksIn(open), linksIn(words.section("PUBLIC", 1))};
        }
    return targets;
}

/// `names` and all that is linked publicly by them.
QSet<QString> closureOf(const QMap<QString, Target>& targets, const QSet<QString>& names) {
    QSet<QString> all = names;
    QStringList open = names.values();
    while (!open.isEmpty())
        for (const QString& next : targets.value(open.takeLast()).linksPublic)
            if (!all.contains(next)) {
                all << next;
                open << next;
            }
    return all;
}

QStringList sources() {
    QStringList files;
    for (const char* top : {"core", "widgets", "app"}) {
        QDirIterator it(QString(RHEO_SOURCE "/") + top, {"*.h", "*.cpp"}, QDir::Files,
                        QDirIterator::Subdirectories);
        while (it.hasNext()) files << QDir(RHEO_SOURCE).relativeFilePath(it.next());
    }
    return files;
}

}  // namespace

class TestModuleIncludes : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void everyFolderIsInTheTable();
    void everyIncludeIsAllowed();
    void everyIncludeIsLinked();
    void torchStaysInSourceFiles();

private:
    /// The module of a file: the row with the longest folder that holds it.
    const Module* moduleOf(const QString& file) const {
        const Module* best = nullptr;
        for (const Module& module : m_table)
            if (file.startsWith(module.folder + "/") &&
                (best == nullptr || module.folder.size() > best->folder.size()))
                best = &module;
        return best;
    }
    QList<Module> m_table;
    QStringList m_sources;
};

void TestModuleIncludes::initTestCase() {
    m_table = readTable();
    m_sources = sources();
    QVERIFY2(m_table.size() > 10, "CONTRIBUTING.md has no table of modules");
    QVERIFY2(m_sources.size() > 20, "the source tree was not found");
}

void TestModuleIncludes::everyFolderIsInTheTable() {
    for (const auto& file : m_sources)
        QVERIFY2(moduleOf(file) != nullptr, qPrintable(file + " is in no module of the table"));
}

void TestModuleIncludes::everyIncludeIsAllowed() {
    QStringList broken;
    for (const auto& file : m_sources) {
        const Module* module = moduleOf(file);
        for (const auto& include : includesOf(file, '"')) {
            if (!include.contains('/') && include.endsWith(".moc")) continue;
            bool allowed = include.startsWith(module->folder + "/");
            for (const auto& other : module->folders) allowed |= include.startsWith(other + "/");
            if (!allowed) broken << file + " includes \"" + include + "\"";
        }
        for (const auto& include : includesOf(file, '<')) {
            const QString library = libraryOf(include);
            if (!library.isEmpty() && !module->libraries.contains(library))
                broken << file + " includes <" + include + "> (" + library + ")";
        }
    }
    QVERIFY2(broken.isEmpty(), qPrintable("\n  " + broken.join("\n  ")));
}

/// A header needs what it includes to be linked publicly: who includes it needs that as well.
void TestModuleIncludes::everyIncludeIsLinked() {
    const auto targets = readTargets();
    QVERIFY2(targets.size() > 15, "the targets of the modules were not found");
    QStringList broken;
    for (auto target = targets.begin(); target != targets.end(); ++target) {
        const QSet<QString> all = closureOf(targets, target->links),
                            open = closureOf(targets, target->linksPublic);
        for (const auto& file : m_sources.filter(QRegularExpression("^" + target->folder + "/")))
            for (const auto& include : includesOf(file, '"')) {
                const QString other = include.section('/', 0, 1);
                const bool isModule = include.startsWith("core/") || include.startsWith("widgets/");
                if (!isModule || other == target->folder) continue;
                if (!(file.endsWith(".h") ? open : all).contains(other.section('/', 1)))
                    broken << file + " includes \"" + include + "\", which rheo_" + target.key() +
                                  " does not link";
            }
    }
    QVERIFY2(broken.isEmpty(), qPrintable("\n  " + broken.join("\n  ")));
}

void TestModuleIncludes::torchStaysInSourceFiles() {
    for (const auto& file : m_sources)
        if (file.endsWith(".h"))
            for (const auto& include : includesOf(file, '<'))
                QVERIFY2(libraryOf(include) != "torch", qPrintable(file + " includes <" + include + ">"));
}

RHEO_TEST(TestModuleIncludes)
#include "test_module_includes.moc"
