// A session that works until it is killed: captures the prompts of a file, teleports again and again, and
// keeps groups. Writes a line to a log whenever the document is another: milliseconds since 1970, rows,
// teleports, groups. Arguments: the folder of sessions, the log.
#include <fcntl.h>
#include <unistd.h>

#include <QDateTime>
#include <QGuiApplication>
#include <QTimer>
#include <string>
#include <utility>

#include "open_demo.h"
#include "widgets/viewmodels/prompt_queue.h"
#include "widgets/viewmodels/selection.h"
#include "widgets/viewmodels/session_keeper.h"
#include "widgets/viewmodels/teleport_model.h"

using namespace rheo;

int main(int argc, char** argv) {
    QGuiApplication app(argc, argv);
    if (argc < 3) return 2;
    const int log = ::open(argv[2], O_WRONLY | O_CREAT | O_APPEND, 0600);
    JobRunner jobs;
    Workspace workspace(jobs);
    Selection selection(workspace);
    TeleportModel teleport(workspace, selection);
    SessionKeeper keeper(workspace, QString::fromLocal8Bit(argv[1]));
    keeper.setInterval(std::chrono::milliseconds(100));
    QObject::connect(&workspace, &Workspace::stateChanged, &workspace, [&] {
        const auto state = workspace.state();
        const std::string line =
            std::to_string(QDateTime::currentMSecsSinceEpoch()) + " " + std::to_string(state->rows()) + " " +
            std::to_string(state->teleports.size()) + " " + std::to_string(state->named.size()) + "\n";
        if (::write(log, line.data(), line.size()) < 0) QCoreApplication::exit(1);
    });
    QObject::connect(&workspace, &Workspace::documentReplaced, &workspace, [&] {
        selection.selectRow(RowIndex{0});
        selection.selectPoint(PointIndex{8});
    });
    QTimer act;
    int step = 0;
    bool isCapturing = false;
    QObject::connect(&act, &QTimer::timeout, &workspace, [&] {
        const auto state = workspace.state();
        if (state->rows() == 0) return;
        ++step;
        if (!state->teleports.empty() && !std::exchange(isCapturing, true))
            workspace.prompts().addFromFile(test::demoPrompts, 0);
        if (step % 3 == 0) {
            DocumentState next = *state;
            next.named.push_back({"group " + std::to_string(step), {{state->prompts.front(), 0}}});
            workspace.change("Keep the selection", std::move(next));
        } else if (teleport.state() == TeleportModel::State::Ready) {
            teleport.setCoordinates(teleport.naturalScores() * (1 + 0.01 * step));
        }
    });
    act.start(40);
    openDemo(workspace, test::demoModel, test::demoPrompts, 4);
    return QGuiApplication::exec();
}
