#include "widgets/viewmodels/edit_sources.h"

#include <fmt/format.h>

#include <QFileInfo>
#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/dynamics/directions.h"
#include "core/results/intervention_file.h"
#include "core/session/direction_sources.h"
#include "widgets/viewmodels/file_keeper.h"
#include "widgets/viewmodels/near_rows.h"

namespace rheo {

namespace {

constexpr std::int64_t mostBytes = std::int64_t{256} << 20;

QString tr(const char* text) {
    return QObject::tr(text);
}

std::filesystem::path toPath(const QString& file) {
    return file.toStdString();
}

/// Of the selected point, among those of the model.
ResidualPoint selectedPoint(const Workspace& workspace, const Selection& selection) {
    const auto& points = workspace.points();
    const auto at = static_cast<std::size_t>(std::max<std::int64_t>(0, selection.point().value()));
    return points.at(std::min(at, points.size() - 1));
}

bool isMoved(const Workspace& workspace, const TeleportModel& teleport) {
    return workspace.model() && teleport.heldState().size() > 0 && teleport.measures() != nullptr;
}

/// At the point of the teleport.
Edit editAt(const Workspace& workspace, const TeleportModel& teleport, std::string name, VectorF vector) {
    Edit edit;
    edit.name = std::move(name);
    edit.point = workspace.model()->model->points()[static_cast<std::size_t>(teleport.modelPoint().value())];
    edit.operation = "set";
    edit.tokens.kind = EditTokens::Kind::List;
    edit.tokens.positions = {teleport.token()};
    edit.vector = std::move(vector);
    return edit;
}

/// Runs `work` on a lane; the edits that it gives are added to the laboratory.
template <class Work>
JobId addLater(Workspace& workspace, Laboratory& laboratory, Lane lane, const QString& title,
               const QString& what, Work work) {
    return workspace.remember(
        workspace.jobs().submit({lane, title}, std::move(work), &laboratory,
                                [&workspace, &laboratory, what](Outcome<std::vector<Edit>> outcome) {
                                    workspace.use(what, outcome, [&](std::vector<Edit> edits) {
                                        for (Edit& edit : edits) laboratory.add(std::move(edit));
                                    });
                                }));
}

VectorD meanOf(const RowStates& states, const QList<qint64>& rows) {
    VectorD sum = VectorD::Zero(states.states.cols());
    std::int64_t count = 0;
    for (std::size_t i = 0; i < states.rows.size(); ++i) {
        const VectorD state = states.states.row(static_cast<Eigen::Index>(i)).transpose().cast<double>();
        if (!rows.contains(states.rows[i].value()) || !state.allFinite()) continue;
        sum += state;
        ++count;
    }
    if (count == 0)
        throw Error(ErrorCode::InvalidArgument, "none of these rows has a finite state at this point");
    return sum / static_cast<double>(count);
}

}  // namespace

std::optional<Edit> editOfHeldState(const Workspace& workspace, const TeleportModel& teleport) {
    if (!isMoved(workspace, teleport)) return std::nullopt;
    return editAt(workspace, teleport, fmt::format("held state of token {}", teleport.token()),
                  teleport.heldState());
}

std::optional<Edit> editOfPush(const Workspace& workspace, const TeleportModel& teleport) {
    if (!isMoved(workspace, teleport)) return std::nullopt;
    Edit edit = editAt(workspace, teleport, fmt::format("push of token {}", teleport.token()),
                       teleport.heldState() - teleport.naturalState());
    edit.operation = "add";
    edit.tokens = {EditTokens::Kind::From, teleport.token(), 0, {}};
    return edit;
}

std::optional<Edit> editInAnotherPrompt(const Workspace& workspace, const TeleportModel& teleport,
                                        int position) {
    if (!workspace.model() || teleport.heldState().size() == 0) return std::nullopt;
    Edit edit = editAt(workspace, teleport, fmt::format("state of token {}, put here", teleport.token()),
                       teleport.heldState());
    edit.tokens.positions = {position};
    return edit;
}

Edit editOfVector(const NamedVector& vector, const Model& model, ResidualPoint point) {
    Edit edit;
    edit.name = vector.name;
    edit.point = point;
    for (const ResidualPoint& own : model.points())
        if (pointName(own) == vector.point) edit.point = own;
    edit.tokens.kind = EditTokens::Kind::All;
    edit.operation = "add";
    edit.unit = StrengthUnit::Rms;
    edit.vector = vector.values;
    return edit;
}

JobId addDifferenceOfMeans(Workspace& workspace, const Selection& selection, Laboratory& laboratory,
                           const QString& plusName, const QList<qint64>& plus, const QString& minusName,
                           const QList<qint64>& minus) {
    const auto trace = workspace.state()->trace;
    if (!trace || plus.isEmpty() || minus.isEmpty()) return {};
    const ResidualPoint point = selectedPoint(workspace, selection);
    const std::string name = fmt::format("{} - {}", plusName.toStdString(), minusName.toStdString());
    return addLater(workspace, laboratory, Lane::Io, tr("Means of two groups of rows"),
                    tr("Take the difference of two means"),
                    [trace, at = selection.point(), point, name, plus, minus](Progress& progress) {
                        const RowStates states = readRowStates(trace, at, mostBytes, progress);
                        Edit edit;
                        edit.name = name;
                        edit.point = point;
                        edit.tokens.kind = EditTokens::Kind::All;
                        edit.operation = "add";
                        edit.vector = (meanOf(states, plus) - meanOf(states, minus)).cast<float>();
                        return std::vector<Edit>{std::move(edit)};
                    });
}

JobId addLinearProbe(Workspace& workspace, const Selection& selection, Laboratory& laboratory,
                     const QString& plusName, const QList<qint64>& plus, const QString& minusName,
                     const QList<qint64>& minus, ProbeKind kind) {
    const auto trace = workspace.state()->trace;
    if (!trace || plus.isEmpty() || minus.isEmpty()) return {};
    const ResidualPoint point = selectedPoint(workspace, selection);
    const std::string names = fmt::format("{} against {}", plusName.toStdString(), minusName.toStdString());
    const QString what = tr("Fit a linear probe");
    struct Fitted {
        NamedVector vector;
        ProbeResult probe;
    };
    return workspace.remember(workspace.jobs().submit(
        {Lane::Analysis, tr("A linear probe between two groups of rows")},
        [trace, at = selection.point(), point, names, kind, plus, minus](Progress& progress) {
            const GroupedStates groups =
                groupsOfRows(*trace, std::vector<std::int64_t>(plus.begin(), plus.end()),
                             std::vector<std::int64_t>(minus.begin(), minus.end()), at);
            ProbeOptions options;
            options.kind = kind;
            Fitted fitted;
            fitted.vector = probeDirection(groups, options, names, pointName(point), fitted.probe, progress);
            return fitted;
        },
        &laboratory,
        [&workspace, &laboratory, what, point](Outcome<Fitted> outcome) {
            workspace.use(what, outcome, [&](const Fitted& fitted) {
                const ProbeResult& probe = fitted.probe;
                Edit edit;
                edit.name =
                    fmt::format("probe {}: accuracy {:.2f}, shuffled {:.2f} to {:.2f}", fitted.vector.name,
                                probe.accuracy, probe.shuffledLow, probe.shuffledHigh);
                edit.point = point;
                edit.tokens.kind = EditTokens::Kind::All;
                edit.operation = "add";
                edit.vector = fitted.vector.values;
                Q_EMIT workspace.noted(QString::fromStdString(fitted.vector.origin));
                laboratory.add(std::move(edit));
            });
        }));
}

JobId addLogitDirection(Workspace& workspace, const Selection& selection, Laboratory& laboratory,
                        const QString& text) {
    const QString what = tr("Take the direction of a token");
    if (workspace.refuse(what, Feature::TokenTexts)) return {};
    const auto loaded = workspace.model();
    const ResidualPoint point = selectedPoint(workspace, selection);
    return addLater(workspace, laboratory, Lane::Model, tr("Direction of a token"), what,
                    [loaded, point, text](Progress&) {
                        const auto ids = loaded->tokenizer->encode(text.toStdString(), false);
                        if (ids.empty())
                            throw Error(ErrorCode::InvalidArgument,
                                        "the text has no token; type one, with its "
                                        "space: \" Paris\"");
                        NamedVector vector;
                        vector.name = fmt::format("logit of '{}'", loaded->tokenizer->pieceText(ids.front()));
                        vector.values = logitDirection(*loaded->model, ids.front());
                        return std::vector<Edit>{editOfVector(vector, *loaded->model, point)};
                    });
}

JobId addVectorsOfFile(Workspace& workspace, const Selection& selection, Laboratory& laboratory,
                       const QString& file,
                       std::function<QList<int>(const std::vector<NamedVector>&)> choose) {
    const auto loaded = workspace.model();
    const QString what = tr("Read the vectors");
    if (workspace.refuse(what, Feature::NextTokens)) return {};
    const ResidualPoint point = selectedPoint(workspace, selection);
    return workspace.remember(workspace.jobs().submit(
        {Lane::Io, tr("Reading %1").arg(QFileInfo(file).fileName())},
        [loaded, path = toPath(file)](Progress&) {
            std::vector<NamedVector> vectors = readVectors(path);
            for (const NamedVector& vector : vectors)
                requireVectorOf(vector, loaded->model->identity(), path.string());
            return vectors;
        },
        &laboratory,
        [&workspace, &laboratory, what, loaded, point,
         choose = std::move(choose)](Outcome<std::vector<NamedVector>> outcome) {
            workspace.use(what, outcome, [&](const std::vector<NamedVector>& vectors) {
                QList<int> chosen;
                for (int i = 0; i < static_cast<int>(vectors.size()); ++i) chosen << i;
                if (choose && chosen.size() > 1) chosen = choose(vectors);
                for (const int i : chosen)
                    laboratory.add(editOfVector(vectors[static_cast<std::size_t>(i)], *loaded->model, point));
            });
        }));
}

JobId saveVectorOf(Workspace& workspace, const Edit& edit, const QString& file, bool replace) {
    const auto loaded = workspace.model();
    if (!loaded || edit.vector.size() == 0) return {};
    NamedVector vector{edit.name, edit.vector, pointName(edit.point), "an edit of the laboratory",
                       loaded->model->identity()};
    return workspace.jobs().submit(
        {Lane::Io, tr("Saving %1").arg(QFileInfo(file).fileName())},
        [vector = std::move(vector), path = toPath(file), replace,
         inputs = workspace.files().inputs()](Progress&) {
            const IfExists exists = replace ? IfExists::Replace : IfExists::Refuse;
            requireOutput(path, exists, inputs);
            writeVectors(path, {vector}, *vector.model, exists);
        },
        &workspace,
        [&workspace](Outcome<std::monostate> outcome) {
            workspace.use(tr("Save the vector"), outcome, [](std::monostate) {});
        });
}

JobId openEdits(Workspace& workspace, Laboratory& laboratory, const QString& file) {
    const QString what = tr("Open the edits");
    if (workspace.refuse(what, Feature::NextTokens)) return {};
    return workspace.remember(workspace.jobs().submit(
        {Lane::Io, tr("Reading %1").arg(QFileInfo(file).fileName())},
        [loaded = workspace.model(), path = toPath(file)](Progress&) {
            return readIntervention(path, loaded->model->identity(), loaded->model->points());
        },
        &laboratory,
        [&workspace, &laboratory, what, file](Outcome<Intervention> outcome) {
            workspace.use(what, outcome, [&](Intervention intervention) {
                laboratory.replace(std::move(intervention),
                                   tr("Open the edits of %1").arg(QFileInfo(file).fileName()));
            });
        }));
}

JobId saveEdits(Workspace& workspace, const Laboratory& laboratory, const QString& file, bool replace) {
    const QString what = tr("Save the edits");
    if (workspace.refuse(what, Feature::NextTokens)) return {};
    return workspace.jobs().submit(
        {Lane::Io, tr("Saving %1").arg(QFileInfo(file).fileName())},
        [loaded = workspace.model(), intervention = laboratory.intervention(), path = toPath(file), replace,
         inputs = workspace.files().inputs()](Progress&) {
            const IfExists exists = replace ? IfExists::Replace : IfExists::Refuse;
            requireOutput(path, exists, inputs);
            writeIntervention(path, intervention, loaded->model->identity(), exists);
        },
        &workspace,
        [&workspace, what](Outcome<std::monostate> outcome) {
            workspace.use(what, outcome, [](std::monostate) {});
        });
}

}  // namespace rheo
