#include "widgets/views/patch_map_view.h"

#include <fmt/format.h>

#include <QCheckBox>
#include <QComboBox>
#include <QGridLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QVBoxLayout>
#include <algorithm>

#include "core/base/error.h"
#include "core/capture/prompts.h"
#include "core/dynamics/patch_map.h"
#include "core/dynamics/teleport.h"
#include "core/figure/teleport_figure.h"
#include "core/session/recipe_figure.h"
#include "widgets/paint/readable_text.h"
#include "widgets/viewmodels/equivalent_command.h"
#include "widgets/viewmodels/prompt_queue.h"
#include "widgets/viewmodels/shell_line.h"

namespace rheo {

namespace {

constexpr int mostOffered = 200;  ///< prompts of the document, in the lists

/// What is asked of the model.
struct Asked {
    std::shared_ptr<const LoadedModel> loaded;
    std::string clean, corrupted, answer, foil, align;
    PatchOutcome outcome = PatchOutcome::LogitDifference;
    std::shared_ptr<const PcaBasis> axes;  ///< to patch along; null: whole states
};

std::vector<std::int32_t> idsOf(const LoadedModel& loaded, const std::string& text, const char* name) {
    return makeSample(text, *loaded.tokenizer, loaded.model->config(), std::nullopt, name).tokenIds;
}

/// The first token of what was typed; where that is empty, the likeliest after a prompt.
std::int32_t tokenOf(const LoadedModel& loaded, const std::string& text,
                     const std::vector<std::int32_t>& prompt, Progress& progress) {
    if (!text.empty()) {
        const auto ids = loaded.tokenizer->encode(text, false);
        if (!ids.empty()) return ids.front();
    }
    ForwardRequest request;
    request.ids = {prompt};
    request.positions = {{static_cast<std::int32_t>(prompt.size()) - 1}};
    request.states = false;
    request.logits = true;
    return topTokens(loaded.model->forward(request, progress).logits.row(0).transpose(), 1).front().id;
}

/// "0:0,2:1" for every corrupted token. Throws Error(InvalidArgument).
std::vector<std::int32_t> alignmentOf(const std::string& text, std::size_t corrupted) {
    if (text.empty()) return {};
    std::vector<std::int32_t> clean(corrupted, -1);
    for (const QString& pair : QString::fromStdString(text).split(',')) {
        bool isClean = false, isCorrupted = false;
        const int from = pair.section(':', 0, 0).trimmed().toInt(&isClean),
                  to = pair.section(':', 1).trimmed().toInt(&isCorrupted);
        if (!isClean || !isCorrupted || to < 0 || to >= static_cast<int>(corrupted))
            throw Error(ErrorCode::InvalidArgument,
                        fmt::format("'{}' is no pair CLEAN:CORRUPTED of positions; the corrupted prompt has "
                                    "tokens 0 to {}",
                                    pair.toStdString(), corrupted - 1));
        clean[static_cast<std::size_t>(to)] = from;
    }
    return clean;
}

PatchMapFile mapOf(const Asked& asked, Progress& progress) {
    const LoadedModel& loaded = *asked.loaded;
    PatchRequest request;
    request.clean = idsOf(loaded, asked.clean, "the clean prompt");
    request.corrupted = idsOf(loaded, asked.corrupted, "the corrupted prompt");
    request.outcome = asked.outcome;
    Progress first = progress.part(0, 0.05), mapping = progress.part(0.05, 1);
    if (request.outcome != PatchOutcome::Kl)
        request.answer = tokenOf(loaded, asked.answer, request.clean, first);
    if (request.outcome == PatchOutcome::LogitDifference)
        request.foil = tokenOf(loaded, asked.foil, request.corrupted, first);
    if (request.answer >= 0 && request.answer == request.foil)
        throw Error(ErrorCode::InvalidArgument,
                    "both prompts have the same likeliest next token; type an answer and a foil that differ");
    request.cleanToken = alignmentOf(asked.align, request.corrupted.size());
    PatchMapFile file;
    if (asked.axes) {
        request.along = asked.axes->components;
        file.axisNames = asked.axes->names;
    }
    file.map = patchMap(*loaded.model, request, mapping);
    file.points = loaded.model->points();
    file.model = loaded.model->identity();
    file.cleanPieces = piecesOf(loaded, request.clean);
    file.corruptedPieces = piecesOf(loaded, request.corrupted);
    if (request.answer >= 0) file.answerText = piecesOf(loaded, {request.answer}).front();
    if (request.foil >= 0) file.foilText = piecesOf(loaded, {request.foil}).front();
    return file;
}

QComboBox* promptList(const QString& name, const QString& example) {
    auto* list = new QComboBox;
    list->setEditable(true);
    list->setInsertPolicy(QComboBox::NoInsert);
    list->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    list->setMinimumContentsLength(16);
    list->lineEdit()->setPlaceholderText(example);
    list->setAccessibleName(name);
    list->setCompleter(nullptr);
    return list;
}

QLineEdit* tokenBox(const QString& name, const QString& placeholder) {
    auto* box = new QLineEdit;
    box->setAccessibleName(name);
    box->setPlaceholderText(placeholder);
    return box;
}

}  // namespace

PatchMapView::PatchMapView(const FigureView& figure, const ViewContext& context)
    : ComputedView(figure, context, tr("Compute the map")),
      m_clean(promptList(tr("Clean prompt"), tr("The capital of France is"))),
      m_corrupted(promptList(tr("Corrupted prompt"), tr("The capital of Italy is"))),
      m_answer(tokenBox(tr("Answer"), tr("the likeliest after the clean prompt"))),
      m_foil(tokenBox(tr("Foil"), tr("the likeliest after the corrupted one"))),
      m_align(tokenBox(tr("Alignment"), tr("from the end; or 0:0,2:1"))),
      m_outcome(new QComboBox),
      m_along(new QCheckBox(tr("Only a&long the axes"))),
      m_tokens(new QLabel) {
    m_outcome->addItem(tr("Logit difference"), int(PatchOutcome::LogitDifference));
    m_outcome->addItem(tr("Probability of the answer"), int(PatchOutcome::Probability));
    m_outcome->addItem(tr("KL from the clean run"), int(PatchOutcome::Kl));
    m_outcome->setAccessibleName(tr("Outcome"));
    m_outcome->setToolTip(
        tr("What is measured after each patch: the logit of the answer minus that of the foil, the "
           "probability of the answer, or the KL divergence from the prediction of the clean run"));
    m_clean->setToolTip(
        tr("A prompt for which the model gives the answer: its states are copied into the other"));
    m_corrupted->setToolTip(
        tr("A prompt that differs in one fact, for which the model does not give the answer"));
    m_answer->setToolTip(tr("The next token that the clean prompt should give, with its space: \" Paris\""));
    m_foil->setToolTip(tr("The token whose logit is subtracted: \" Rome\""));
    m_align->setToolTip(
        tr("Pairs of clean and corrupted tokens, CLEAN:CORRUPTED: 0:0,2:1. Empty: the prompts are aligned "
           "from the end."));
    m_along->setToolTip(
        tr("Patches each state only along the axes of the trajectories; the rest of it stays as in the "
           "corrupted run"));
    m_along->hide();
    m_tokens->setTextFormat(Qt::RichText);
    m_tokens->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    auto* grid = new QGridLayout;
    const auto put = [&](int row, int column, const QString& name, QWidget* widget) {
        auto* label = new QLabel(name);
        label->setBuddy(widget);
        grid->addWidget(label, row, 2 * column);
        grid->addWidget(widget, row, 2 * column + 1);
    };
    put(0, 0, tr("&Clean"), m_clean);
    put(1, 0, tr("Co&rrupted"), m_corrupted);
    put(0, 1, tr("Ans&wer"), m_answer);
    put(1, 1, tr("F&oil"), m_foil);
    put(0, 2, tr("O&utcome"), m_outcome);
    put(1, 2, tr("Ali&gn"), m_align);
    grid->setColumnStretch(1, 3);
    grid->setColumnStretch(3, 2);
    grid->setColumnStretch(5, 1);
    form()->addLayout(grid);
    form()->addWidget(m_along);
    form()->addWidget(m_tokens);
    for (QComboBox* list : {m_clean, m_corrupted}) {
        connect(list, &QComboBox::editTextChanged, this, &PatchMapView::updateForm);
        connect(list->lineEdit(), &QLineEdit::returnPressed, this, &ComputedView::startOrStop);
    }
    for (QLineEdit* box : {m_answer, m_foil, m_align})
        connect(box, &QLineEdit::returnPressed, this, &ComputedView::startOrStop);
    connect(m_align, &QLineEdit::textChanged, this, &PatchMapView::alignTokens);
    connect(m_outcome, &QComboBox::currentIndexChanged, this, &PatchMapView::updateForm);
    updateForm();
}

/// The prompts of the document are offered.
void PatchMapView::setDocument(std::shared_ptr<const DocumentState> state) {
    if (state->trace != m_offered) {
        m_offered = state->trace;
        for (QComboBox* list : {m_clean, m_corrupted}) {
            const QString typed = list->currentText();
            const QSignalBlocker quiet(list);
            list->clear();
            const auto& samples = state->trace ? state->trace->info().samples : std::vector<Sample>{};
            for (const Sample& sample : samples)
                if (!sample.text.empty() && list->count() < mostOffered)
                    list->addItem(QString::fromStdString(sample.text));
            list->setCurrentIndex(-1);
            list->setEditText(typed);
        }
    }
    m_along->setVisible(state->basis && !state->basis->names.empty());
    ComputedView::setDocument(std::move(state));
}

QString PatchMapView::whyNot() const {
    if (const QString why = ComputedView::whyNot(); !why.isEmpty()) return why;
    if (!m_workspace.model()->tokenizer) return tr("This needs the tokenizer of the model.");
    if (m_clean->currentText().trimmed().isEmpty() || m_corrupted->currentText().trimmed().isEmpty())
        return tr(
            "Type two prompts that differ in one fact, for example \"The capital of France is\" and \"The "
            "capital of Italy is\". The map shows which states of the first restore its answer in the "
            "second.");
    if (m_clean->currentText() == m_corrupted->currentText()) return tr("Both prompts are the same.");
    return {};
}

void PatchMapView::updateForm() {
    const auto outcome = PatchOutcome(m_outcome->currentData().toInt());
    m_answer->setEnabled(outcome != PatchOutcome::Kl);
    m_foil->setEnabled(outcome == PatchOutcome::LogitDifference);
    alignTokens();
    refresh();
}

/// The tokens of both prompts above each other, as they belong together.
void PatchMapView::alignTokens() {
    const auto loaded = m_workspace.model();
    m_tokens->clear();
    if (!loaded || !loaded->tokenizer || m_clean->currentText().isEmpty() ||
        m_corrupted->currentText().isEmpty())
        return m_tokens->hide();
    try {
        const auto clean = idsOf(*loaded, m_clean->currentText().toStdString(), "the clean prompt"),
                   corrupted =
                       idsOf(*loaded, m_corrupted->currentText().toStdString(), "the corrupted prompt");
        constexpr std::size_t most = 60;
        if (std::max(clean.size(), corrupted.size()) > most) return m_tokens->hide();
        auto from = alignmentOf(m_align->text().toStdString(), corrupted.size());
        if (from.empty())
            from = alignedFromEnd(static_cast<std::int64_t>(clean.size()),
                                  static_cast<std::int64_t>(corrupted.size()));
        QString above, below;
        const auto cell = [this](std::int32_t id, const LoadedModel& model, bool differs) {
            const QString piece =
                readable(QString::fromStdString(visibleToken(piecesOf(model, {id}).front())), font())
                    .toHtmlEscaped();
            return QStringLiteral("<td>%1</td>").arg(differs ? "<b>" + piece + "</b>" : piece);
        };
        for (std::size_t t = 0; t < corrupted.size(); ++t) {
            const auto at = static_cast<std::size_t>(from[t]);
            const bool has = from[t] >= 0 && at < clean.size();
            const bool differs = !has || clean[at] != corrupted[t];
            above += has ? cell(clean[at], *loaded, differs) : QStringLiteral("<td></td>");
            below += cell(corrupted[t], *loaded, differs);
        }
        m_tokens->setText(QStringLiteral("<table cellspacing=0 cellpadding=2><tr><td>%1</td>%2</tr><tr><td>%3"
                                         "</td>%4</tr></table>")
                              .arg(tr("clean"), above, tr("corrupted"), below));
        m_tokens->show();
    } catch (const Error& error) {
        m_tokens->setText(QString::fromUtf8(error.what()).toHtmlEscaped());
        m_tokens->show();
    }
}

void PatchMapView::compute() {
    const Asked asked{
        m_workspace.model(),
        m_clean->currentText().toStdString(),
        m_corrupted->currentText().toStdString(),
        m_answer->text().toStdString(),
        m_foil->text().toStdString(),
        m_align->text().trimmed().toStdString(),
        PatchOutcome(m_outcome->currentData().toInt()),
        m_along->isVisibleTo(this) && m_along->isChecked() ? m_workspace.state()->basis : nullptr};
    start(
        tr("Compute the patch map"),
        [asked](Progress& progress) { return std::make_shared<const PatchMapFile>(mapOf(asked, progress)); },
        [this, asked](std::shared_ptr<const PatchMapFile> map) {
            m_map = std::move(map);
            m_corruptedText = asked.corrupted;
            m_asked.clear();
            m_asked << "rheo"
                    << "patch";
            for (const std::string& word : modelWordsOf(*asked.loaded))
                m_asked << QString::fromStdString(word);
            m_asked << "--clean" << QString::fromStdString(asked.clean) << "--corrupt"
                    << QString::fromStdString(asked.corrupted);
            if (!m_map->answerText.empty())
                m_asked << "--answer" << QString::fromStdString(m_map->answerText);
            if (!m_map->foilText.empty()) m_asked << "--foil" << QString::fromStdString(m_map->foilText);
            if (asked.outcome == PatchOutcome::Kl)
                m_asked << "--outcome"
                        << "kl";
            if (!asked.align.empty()) m_asked << "--align" << QString::fromStdString(asked.align);
            // Their vectors are saved from the laboratory.
            if (asked.axes)
                m_asked << "--axes"
                        << "axes.safetensors";
            m_asked << "--out"
                    << "patch_map.h5";
        });
}

std::shared_ptr<const Figure> PatchMapView::makeFigure(const Recipe& recipe) const {
    return m_map ? std::make_shared<const Figure>(figureOfPatchMap(*m_map, recipe)) : nullptr;
}

std::optional<OwnFile> PatchMapView::ownFile() const {
    if (!m_map) return std::nullopt;
    return OwnFile{"patch_map", QStringLiteral(".patch_map.h5"),
                   [map = m_map](const std::filesystem::path& file, IfExists ifExists) {
                       writePatchMapFile(file, *map, ifExists);
                   }};
}

QString PatchMapView::command() const {
    if (!m_map) return {};
    return shellLine(m_asked) +
           QStringLiteral(" && rheo figure patch_map.h5 --view patch_map --out patch_map.svg");
}

/// The clean state of a cell is put into the corrupted prompt: that of the document, which is selected, or
/// one that is only tried.
void PatchMapView::clicked(const std::map<AxisKind, qint64>& ids) {
    const auto loaded = m_workspace.model();
    const auto token = ids.find(AxisKind::Tokens), point = ids.find(AxisKind::Points);
    if (!m_map || !loaded || token == ids.end() || point == ids.end()) return;
    const PatchRequest& request = m_map->map.request;
    const auto t = static_cast<std::size_t>(token->second), p = static_cast<std::size_t>(point->second);
    if (t >= request.cleanToken.size() || request.cleanToken[t] < 0 || p >= m_map->points.size()) return;
    const auto& prompts = m_workspace.prompts();
    PromptId corrupted;
    for (int i = 0; i < prompts.count() && corrupted == PromptId{}; ++i)
        if (prompts.sampleOf(prompts.at(i).id).tokenIds == request.corrupted) corrupted = prompts.at(i).id;
    if (corrupted != PromptId{})
        m_selection.selectPrompt(corrupted);
    else
        m_laboratory.tryOn({m_corruptedText, request.corrupted});
    Edit edit;
    edit.name =
        fmt::format("patch: {} at {}", m_map->cleanPieces[static_cast<std::size_t>(request.cleanToken[t])],
                    pointName(m_map->points[p]));
    edit.point = m_map->points[p];
    edit.tokens.kind = EditTokens::Kind::List;
    edit.tokens.positions = {static_cast<std::int32_t>(t)};
    edit.operation = "set";
    m_workspace.remember(m_workspace.jobs().submit(
        {Lane::Model, tr("Copying a state of the clean run"), false},
        [loaded, request, t = static_cast<std::int32_t>(t), at = PointIndex{static_cast<std::int64_t>(p)},
         edit](Progress& progress) {
            Edit made = edit;
            const Model& model = *loaded->model;
            const auto from = model.prepare(request.clean, progress),
                       to = model.prepare(request.corrupted, progress);
            made.vector = patchedState(model, *from, *to, request, t, at);
            return made;
        },
        this,
        [this](Outcome<Edit> outcome) {
            m_workspace.use(tr("Patch a state"), outcome, [&](Edit made) {
                // In place of the cell that was clicked before.
                const auto& edits = m_laboratory.edits();
                for (std::size_t i = 0; i < edits.size(); ++i)
                    if (edits[i].name.starts_with("patch: "))
                        return m_laboratory.change(i, std::move(made), tr("Patch another cell"));
                m_laboratory.add(std::move(made));
            });
        }));
}

}  // namespace rheo
