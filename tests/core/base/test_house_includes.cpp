// The rooms keep to themselves: what each folder may include is a table, and this holds the tree to it.
#include <QDir>
#include <QDirIterator>
#include <QFile>
#include <QMap>
#include <QRegularExpression>
#include <QSet>
#include <QtTest>

namespace {

struct Room {
    QString folder;
    QStringList rooms;      ///< folders it may include from, beside its own
    QStringList libraries;  ///< of those in the table of prefixes below
};

// The edges between the rooms, those behind them included.
const QList<Room> house{
    {"core/base", {}, {"eigen", "openssl"}},
    {"core/checkpoint", {"core/base"}, {"json", "eigen"}},
    {"core/tokenizer", {"core/base"}, {"json", "pcre2", "icu"}},
    {"core/model", {"core/base", "core/checkpoint", "core/tokenizer"}, {"torch", "eigen"}},
    // Of checkpoints, the import of traces uses the readers of safetensors and of JSON.
    {"core/trace", {"core/base", "core/checkpoint"}, {"hdf5", "eigen", "json", "zip"}},
    {"core/capture",
     {"core/base", "core/checkpoint", "core/tokenizer", "core/model", "core/trace"},
     {"json", "eigen"}},
    {"core/analysis", {"core/base", "core/trace"}, {"eigen", "spectra", "torch"}},
    {"core/dynamics",
     {"core/base", "core/checkpoint", "core/tokenizer", "core/model", "core/trace", "core/analysis"},
     {"eigen", "torch"}},
    {"core/figure",
     {"core/base", "core/trace", "core/model", "core/checkpoint", "core/analysis", "core/dynamics"},
     {"eigen"}},
    {"core/session", {"core"}, {"json", "hdf5", "eigen"}},
    {"widgets/jobs", {"core"}, {"qtcore"}},
    {"widgets/models", {"core", "widgets/jobs"}, {"qtcore", "qtgui", "eigen"}},
    {"widgets/scene", {"core/base", "core/figure"}, {"vtk", "eigen"}},
    {"widgets/paint", {"core/base", "core/figure", "core/session"}, {"qtcore", "qtgui", "eigen"}},
    {"widgets/views", {"core", "widgets"}, {"qtcore", "qtgui", "qtwidgets", "vtk", "eigen"}},
    {"app/cli", {"core", "widgets/paint", "app"}, {"qtcore", "qtgui", "json", "cli11", "eigen"}},
    {"app", {"core", "widgets", "app"}, {"qtcore", "qtgui", "qtwidgets", "json", "cli11", "eigen"}},
};

/// Which library an angle-bracket include belongs to; empty: the standard, the system, or fmt.
QString libraryOf(const QString& include) {
    static const QSet<QString> gui{"QColor",
                                   "QFont",
                                   "QFontDatabase",
                                   "QFontMetricsF",
                                   "QFontInfo",
                                   "QGuiApplication",
                                   "QImage",
                                   "QImageReader",
                                   "QImageWriter",
                                   "QPainter",
                                   "QPainterPath",
                                   "QPalette",
                                   "QPdfWriter",
                                   "QPageSize",
                                   "QPageLayout",
                                   "QPen",
                                   "QBrush",
                                   "QPixmap",
                                   "QPolygonF",
                                   "QSvgGenerator",
                                   "QSvgRenderer",
                                   "QTransform",
                                   "QUndoStack",
                                   "QUndoCommand",
                                   "QIcon",
                                   "QKeySequence",
                                   "QStyleHints",
                                   "QClipboard",
                                   "QDesktopServices",
                                   "QTextDocument",
                                   "QTextLayout",
                                   "QPaintDevice",
                                   "QPaintEngine",
                                   "QGlyphRun",
                                   "QRawFont",
                                   "QStaticText",
                                   "QScreen"};
    static const QSet<QString> core{"QAbstractItemModel",
                                    "QAbstractListModel",
                                    "QAbstractTableModel",
                                    "QSortFilterProxyModel",
                                    "QObject",
                                    "QString",
                                    "QStringList",
                                    "QByteArray",
                                    "QBuffer",
                                    "QFile",
                                    "QFileInfo",
                                    "QFileDevice",
                                    "QDir",
                                    "QTimer",
                                    "QElapsedTimer",
                                    "QPointer",
                                    "QThread",
                                    "QCoreApplication",
                                    "QMetaObject",
                                    "QDateTime",
                                    "QVariant",
                                    "QRectF",
                                    "QRect",
                                    "QPointF",
                                    "QPoint",
                                    "QSizeF",
                                    "QSize",
                                    "QMarginsF",
                                    "QMutex",
                                    "QLocale",
                                    "QRegularExpression",
                                    "QSettings",
                                    "QStandardPaths",
                                    "QStringView",
                                    "QList",
                                    "QVector",
                                    "QMap",
                                    "QHash",
                                    "QSet",
                                    "QUrl",
                                    "QXmlStreamReader",
                                    "QXmlStreamWriter",
                                    "QIODevice",
                                    "QSaveFile",
                                    "QtGlobal",
                                    "QtMath",
                                    "QDBusConnection",
                                    "QDBusMessage",
                                    "QDBusVariant",
                                    "QDBusReply",
                                    "QDBusInterface",
                                    "QDBusPendingCall",
                                    "QDBusPendingCallWatcher",
                                    "QDBusPendingReply",
                                    "QMimeData",
                                    "QLoggingCategory",
                                    "QLineF",
                                    "QModelIndex",
                                    "QEvent",
                                    "QTemporaryDir",
                                    "QTemporaryFile",
                                    "QProcess",
                                    "QStorageInfo",
                                    "QCollator",
                                    "QPersistentModelIndex",
                                    "QMessageLogContext",
                                    "QLibraryInfo",
                                    "QSysInfo",
                                    "QDataStream",
                                    "QTextStream",
                                    "QSignalBlocker",
                                    "QScopedPointer",
                                    "QSharedPointer",
                                    "QFuture",
                                    "QEventLoop",
                                    "QTextBoundaryFinder",
                                    "QStringDecoder",
                                    "QIdentityProxyModel",
                                    "QLockFile"};
    if (include.startsWith("torch/") || include.startsWith("ATen/") || include.startsWith("c10/"))
        return "torch";
    if (include.startsWith("vtk")) return "vtk";
    if (include.startsWith("Eigen/")) return "eigen";
    if (include.startsWith("Spectra/")) return "spectra";
    if (include.startsWith("nlohmann/")) return "json";
    if (include.startsWith("CLI/")) return "cli11";
    if (include.startsWith("openssl/")) return "openssl";
    if (include.startsWith("unicode/")) return "icu";
    if (include == "pcre2.h") return "pcre2";
    if (include == "unzip.h" || include == "zlib.h") return "zip";
    if (include == "hdf5.h" || include.startsWith("H5")) return "hdf5";
    const QString name = include.section('/', -1);
    if (name.startsWith('Q') || name.startsWith("qt")) {
        if (core.contains(name)) return "qtcore";
        if (gui.contains(name)) return "qtgui";
        return "qtwidgets";  // the rest needs the widest permission
    }
    return {};
}

/// The names that a source file includes, in quotes (`open` '"') or angle brackets.
QStringList includesOf(const QString& file, char open) {
    QFile f(QString(RHEO_SOURCE "/") + file);
    if (!f.open(QIODevice::ReadOnly)) return {};
    const QString pattern =
        open == '"' ? "^\\s*#\\s*include\\s*\"([^\"]+)\"" : "^\\s*#\\s*include\\s*<([^>]+)>";
    const QRegularExpression expression(pattern, QRegularExpression::MultilineOption);
    QStringList found;
    auto matches = expression.globalMatch(QString::fromUtf8(f.readAll()));
    while (matches.hasNext()) found << matches.next().captured(1);
    return found;
}

}  // namespace

class TestHouseIncludes : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void everyFolderIsInTheTable();
    void everyIncludeIsAllowed();
    void torchStaysInSourceFiles();

private:
    static QStringList sources() {
        QStringList files;
        for (const char* top : {"core", "widgets", "app"}) {
            QDirIterator it(QString(RHEO_SOURCE "/") + top, {"*.h", "*.cpp"}, QDir::Files,
                            QDirIterator::Subdirectories);
            while (it.hasNext()) files << QDir(RHEO_SOURCE).relativeFilePath(it.next());
        }
        return files;
    }
    static const Room* roomOf(const QString& file) {
        const Room* best = nullptr;
        for (const Room& room : house)
            if (file.startsWith(room.folder + "/") &&
                (best == nullptr || room.folder.size() > best->folder.size()))
                best = &room;
        return best;
    }
};

void TestHouseIncludes::everyFolderIsInTheTable() {
    const auto files = sources();
    QVERIFY2(files.size() > 20, "the source tree was found");
    for (const auto& file : files) QVERIFY2(roomOf(file) != nullptr, qPrintable(file + " is in no room"));
}

void TestHouseIncludes::everyIncludeIsAllowed() {
    QStringList broken;
    for (const auto& file : sources()) {
        const Room* room = roomOf(file);
        for (const auto& include : includesOf(file, '"')) {
            if (!include.contains('/') && include.endsWith(".moc")) continue;
            bool allowed = include.startsWith(room->folder + "/");
            for (const auto& other : room->rooms) allowed |= include.startsWith(other + "/");
            if (!allowed) broken << file + " includes \"" + include + "\"";
        }
        for (const auto& include : includesOf(file, '<')) {
            const QString library = libraryOf(include);
            if (!library.isEmpty() && !room->libraries.contains(library))
                broken << file + " includes <" + include + "> (" + library + ")";
        }
    }
    QVERIFY2(broken.isEmpty(), qPrintable("\n  " + broken.join("\n  ")));
}

void TestHouseIncludes::torchStaysInSourceFiles() {
    for (const auto& file : sources())
        if (file.endsWith(".h"))
            for (const auto& include : includesOf(file, '<'))
                QVERIFY2(libraryOf(include) != "torch", qPrintable(file + " includes <" + include + ">"));
}

QTEST_APPLESS_MAIN(TestHouseIncludes)
#include "test_house_includes.moc"
