#include "widgets/views/source_panel.h"

#include <QGuiApplication>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QPushButton>
#include <QShortcut>
#include <QSortFilterProxyModel>
#include <QVBoxLayout>
#include <algorithm>
#include <initializer_list>
#include <set>
#include <utility>

#include "core/session/forecast.h"
#include "core/session/opened_results.h"
#include "core/session/recipe_figure.h"
#include "widgets/viewmodels/analyses.h"
#include "widgets/viewmodels/counted.h"
#include "widgets/viewmodels/feature.h"
#include "widgets/viewmodels/prompt_queue.h"
#include "widgets/views/item_delegates.h"
#include "widgets/views/prompt_dialog.h"

namespace rheo {

namespace {

constexpr qsizetype mostNamed = 5;  // figures; of more their number is said

QModelIndexList sorted(QModelIndexList indexes) {
    std::sort(indexes.begin(), indexes.end());
    return indexes;
}

}  // namespace

SourcePanel::SourcePanel(Workspace& workspace, Selection& selection, QWidget* parent)
    : QWidget(parent),
      m_workspace(workspace),
      m_selection(selection),
      m_source(new QLabel),
      m_search(new QLineEdit),
      m_matches(new QLabel),
      m_prompts(new QListView),
      m_tokens(new QListView),
      m_add(new QPushButton(tr("&Add…"))),
      m_edit(new QPushButton(tr("E&dit…"))),
      m_remove(new QPushButton(tr("&Remove"))),
      m_pin(new QPushButton(tr("P&in"))),
      m_promptModel(new PromptListModel(workspace, this)),
      m_tokenModel(new TokenStripModel(workspace, selection, this)),
      m_filtered(new QSortFilterProxyModel(this)) {
    m_source->setWordWrap(true);
    m_source->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::LinksAccessibleByMouse |
                                      Qt::LinksAccessibleByKeyboard);
    connect(m_source, &QLabel::linkActivated, this, &SourcePanel::closeResultsRequested);
    m_search->setPlaceholderText(tr("Search the prompts"));
    m_search->setClearButtonEnabled(true);
    m_search->setToolTip(tr("Show prompts that contain this text"));
    m_search->setAccessibleName(tr("Search the prompts"));
    m_filtered->setSourceModel(m_promptModel);
    m_filtered->setFilterRole(PromptListModel::TextRole);
    m_filtered->setFilterCaseSensitivity(Qt::CaseInsensitive);
    // Before the list is: where rows come or go, what Qt does to its selection is not a choice of the user.
    for (auto signal :
         {&QAbstractItemModel::rowsAboutToBeRemoved, &QAbstractItemModel::rowsAboutToBeInserted})
        connect(m_filtered, signal, this, [this] { m_showing = true; });
    m_prompts->setModel(m_filtered);
    connect(m_filtered, &QAbstractItemModel::rowsRemoved, this, &SourcePanel::showSelection);
    connect(m_filtered, &QAbstractItemModel::rowsInserted, this, &SourcePanel::showSelection);
    for (auto signal : {&QAbstractItemModel::rowsRemoved, &QAbstractItemModel::rowsInserted})
        connect(m_promptModel, signal, this, &SourcePanel::countMatches);
    m_prompts->setItemDelegate(new PromptDelegate(m_prompts));
    m_prompts->setSelectionMode(QAbstractItemView::ExtendedSelection);
    m_prompts->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_prompts->setUniformItemSizes(true);
    m_prompts->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
    m_prompts->setAccessibleName(tr("Prompts"));
    m_tokens->setModel(m_tokenModel);
    m_tokens->setItemDelegate(new TokenDelegate(m_tokens));
    m_tokens->setFlow(QListView::LeftToRight);
    m_tokens->setWrapping(true);
    m_tokens->setResizeMode(QListView::Adjust);
    m_tokens->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_tokens->setSelectionMode(QAbstractItemView::SingleSelection);
    m_tokens->setAccessibleName(tr("Tokens of the prompt"));
    m_tokens->setMinimumHeight(90);
    m_add->setToolTip(tr("Add a prompt; the model runs it and its trajectory appears (Ins)"));
    m_edit->setToolTip(tr("Change the text of the selected prompt (F2)"));
    m_remove->setToolTip(tr("Remove the selected prompts (Del)"));

    auto* buttons = new QHBoxLayout;
    buttons->addWidget(m_add);
    buttons->addWidget(m_edit);
    buttons->addWidget(m_remove);
    auto* tokensTitle = new QHBoxLayout;
    tokensTitle->addWidget(new QLabel(tr("Tokens (click to follow one)")), 1);
    tokensTitle->addWidget(m_pin);
    m_pin->setToolTip(
        tr("Keep the path of the followed token as a row: part of the mean and of the next fit"));
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(8, 8, 8, 8);
    layout->addWidget(m_source);
    auto* searchLine = new QHBoxLayout;
    searchLine->addWidget(m_search, 1);
    searchLine->addWidget(m_matches);
    layout->addLayout(searchLine);
    layout->addWidget(m_prompts, 3);
    layout->addLayout(buttons);
    layout->addLayout(tokensTitle);
    layout->addWidget(m_tokens, 1);

    QWidget* previous = nullptr;
    for (QWidget* stop :
         std::initializer_list<QWidget*>{m_search, m_prompts, m_add, m_edit, m_remove, m_tokens, m_pin})
        if (QWidget* before = std::exchange(previous, stop)) setTabOrder(before, stop);

    connectLists();
    countMatches();
    describeSource();
}

void SourcePanel::connectLists() {
    connect(m_search, &QLineEdit::textChanged, this, &SourcePanel::setFilter);
    connect(new QShortcut(Qt::Key_Escape, this, nullptr, nullptr, Qt::WidgetWithChildrenShortcut),
            &QShortcut::activated, m_search, &QLineEdit::clear);
    connect(m_add, &QPushButton::clicked, this, &SourcePanel::addPrompt);
    connect(&m_workspace.prompts(), &PromptQueue::captured, this, &SourcePanel::showAdded);
    connect(m_edit, &QPushButton::clicked, this, &SourcePanel::editPrompt);
    connect(m_remove, &QPushButton::clicked, this, &SourcePanel::removePrompts);
    connect(new QShortcut(Qt::Key_Insert, this, nullptr, nullptr, Qt::WidgetWithChildrenShortcut),
            &QShortcut::activated, this, &SourcePanel::addPrompt);
    connect(new QShortcut(Qt::Key_F2, m_prompts, nullptr, nullptr, Qt::WidgetShortcut), &QShortcut::activated,
            this, &SourcePanel::editPrompt);
    connect(new QShortcut(Qt::Key_Delete, m_prompts, nullptr, nullptr, Qt::WidgetShortcut),
            &QShortcut::activated, this, &SourcePanel::removePrompts);
    connect(m_prompts, &QListView::doubleClicked, this, &SourcePanel::editPrompt);
    connect(m_prompts->selectionModel(), &QItemSelectionModel::selectionChanged, this,
            &SourcePanel::selectChosen);
    for (auto signal : {&Selection::tokenChanged, &Selection::promptChanged})
        connect(&m_selection, signal, this, &SourcePanel::showToken);
    connect(m_tokenModel, &QAbstractItemModel::modelReset, this, &SourcePanel::showToken);
    const auto choose = [this](const QModelIndex& index) {
        m_selection.selectToken(index.data(TokenStripModel::PositionRole).toInt());
    };
    connect(m_tokens, &QListView::clicked, this, choose);
    connect(m_tokens, &QListView::activated, this, choose);
    connect(m_pin, &QPushButton::clicked, &m_selection, &Selection::pin);
    for (auto signal : {&Selection::lookedChanged, &Selection::rowChanged, &Selection::tokenChanged})
        connect(&m_selection, signal, this, &SourcePanel::updateButtons);
    connect(&m_selection, &Selection::promptChanged, this, &SourcePanel::showSelection);
    connect(&m_selection, &Selection::rowsChanged, this, &SourcePanel::showSelection);
    connect(&m_workspace, &Workspace::stateChanged, this, &SourcePanel::describeSource);
    connect(&m_workspace, &Workspace::modelChanged, this, &SourcePanel::describeSource);
}

QString SourcePanel::describeResults() const {
    const auto state = m_workspace.state();
    const OpenedResults& opened = *state->results;
    const TraceInfo& info = opened.results.source.info;
    QStringList figures;
    for (const auto& view : viewsOf(opened.results))
        figures << QString::fromUtf8(view.label.data(), static_cast<qsizetype>(view.label.size())).toLower();
    QString line =
        tr("<b>Results</b> %1, of %2, %3: %4")
            .arg(opened.path.empty() ? tr("computed here") : Analyses::nameOf(opened).toHtmlEscaped(),
                 counted(static_cast<qint64>(info.rows.size()), tr("1 row"), tr("%1 rows")),
                 counted(static_cast<qint64>(info.points.size()), tr("1 point"), tr("%1 points")),
                 figures.isEmpty()            ? tr("no figure")
                 : figures.size() > mostNamed ? tr("%1 figures").arg(figures.size())
                                              : figures.join(", "));
    if (!state->trace) line += tr("; their trace is not open");
    return line + tr(" (<a href='close'>close</a>)");
}

void SourcePanel::changeEvent(QEvent* event) {
    QWidget::changeEvent(event);
    if (event->type() != QEvent::PaletteChange) return;
    m_source->clear();  // a link keeps the colour that it was set with
    describeSource();
}

void SourcePanel::describeSource() {
    QStringList lines;
    if (const auto model = m_workspace.model()) {
        const ModelConfig& c = model->model->config();
        QString line = tr("<b>Model</b> %1, %2 of %3")
                           .arg(QString::fromStdString(c.architecture),
                                counted(c.layers, tr("1 block"), tr("%1 blocks")),
                                counted(c.dModel, tr("1 unit"), tr("%1 units")));
        if (c.parallelBlocks)
            line += tr("; attention and MLP in parallel, so there is no point between them");
        if (c.attnPostNorm || c.mlpPostNorm) line += tr("; what each block adds is normalised first");
        if (const auto seed = model->model->options().untrainedSeed)
            line += tr("<br><b>Random weights</b>, as before training (seed %1)").arg(*seed);
        if (const auto streamed = model->model->streamed())
            line += tr("<br><b>Weights streamed</b>: each run of the network reads %1, %2")
                        .arg(QLocale().formattedDataSize(streamed->bytes),
                             QString::fromStdString(timeText(streamed->seconds)));
        std::vector<std::string> notes = c.notes;
        if (model->tokenizer)
            for (const std::string& note : model->tokenizer->notes()) notes.push_back(note);
        for (const std::string& note : notes)
            line += tr("<br>Note: %1").arg(QString::fromStdString(note).toHtmlEscaped());
        lines << line;
    }
    const auto state = m_workspace.state();
    if (state->trace) {
        lines << tr("<b>Trace</b> %1, %2%3")
                     .arg(counted(state->rows(), tr("1 row"), tr("%1 rows")),
                          counted(state->trace->points(), tr("1 point"), tr("%1 points")),
                          m_workspace.model()
                              ? QString()
                              : tr("; no model is attached, so functions that need one are not available"));
    }
    if (state->results) lines << describeResults();
    if (lines.isEmpty()) lines << tr("Nothing is open.");
    m_source->setText(lines.join("<br>"));
    updateButtons();
}

void SourcePanel::updateButtons() {
    const QString why = whyNot(m_workspace, Feature::AddPrompt);
    m_add->setEnabled(why.isEmpty());
    if (!why.isEmpty()) m_add->setToolTip(why);
    const auto ids = chosen();
    m_edit->setEnabled(ids.size() == 1 && why.isEmpty());
    m_remove->setEnabled(!ids.isEmpty());
    m_pin->setEnabled(m_selection.looked() != nullptr);
}

QList<PromptId> SourcePanel::promptsOf(const QModelIndexList& indexes) const {
    QList<PromptId> ids;
    for (const auto& index : indexes) ids << m_promptModel->idAt(m_filtered->mapToSource(index).row());
    return ids;
}

QList<PromptId> SourcePanel::chosen() const {
    return promptsOf(m_prompts->selectionModel()->selectedIndexes());
}

void SourcePanel::setFilter(const QString& text) {
    m_filtered->setFilterFixedString(text);
    countMatches();
}

void SourcePanel::countMatches() {
    const int found = m_filtered->rowCount();
    m_matches->setVisible(!m_search->text().isEmpty());
    m_matches->setText(m_search->text().isEmpty() ? QString()
                       : found == 0               ? tr("no match")
                                                  : tr("%1 of %2").arg(found).arg(m_promptModel->rowCount()));
}

/// The user chose prompts. With Ctrl the others stay selected, also those that the filter does not show.
void SourcePanel::selectChosen(const QItemSelection& added, const QItemSelection& removed) {
    updateButtons();
    if (m_showing) return;
    if (QGuiApplication::keyboardModifiers() & Qt::ControlModifier)
        m_selection.changePrompts(promptsOf(added.indexes()), promptsOf(removed.indexes()));
    else if (const auto ids = chosen(); ids.size() == 1)
        m_selection.selectPrompt(ids.front());
    else
        m_selection.selectPrompts(ids);
    showSelection();  // where the choice was none
}

/// Marks the prompts of the selected rows, as far as the filter shows them.
void SourcePanel::showSelection() {
    const std::set<PromptId> ids = m_selection.prompts();
    QItemSelection marked;
    int first = -1;
    for (int n = 0; n <= m_filtered->rowCount(); ++n) {
        const bool isMarked =
            n < m_filtered->rowCount() &&
            ids.contains(m_promptModel->idAt(m_filtered->mapToSource(m_filtered->index(n, 0)).row()));
        if (isMarked && first < 0) first = n;
        if (isMarked || first < 0) continue;
        marked.select(m_filtered->index(first, 0), m_filtered->index(n - 1, 0));
        first = -1;
    }
    m_showing = true;
    auto* model = m_prompts->selectionModel();
    // What is marked already is left alone: the user may be extending it.
    if (promptsOf(marked.indexes()) != promptsOf(sorted(model->selectedIndexes())))
        model->select(marked, QItemSelectionModel::ClearAndSelect);
    const auto index = m_filtered->mapFromSource(m_promptModel->indexOf(m_selection.prompt()));
    if (index.isValid() && index != m_prompts->currentIndex()) {
        model->setCurrentIndex(index, QItemSelectionModel::NoUpdate);
        m_prompts->scrollTo(index);
    }
    m_showing = false;
}

/// The followed token is the current one of the strip, and in view.
void SourcePanel::showToken() {
    const QModelIndex token = m_tokenModel->index(m_selection.token(), 0);
    if (!token.isValid()) return;
    m_tokens->selectionModel()->setCurrentIndex(token, QItemSelectionModel::NoUpdate);
    m_tokens->scrollTo(token);
}

void SourcePanel::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    showToken();
}

void SourcePanel::addPrompt() {
    if (!m_add->isEnabled()) return;
    const QString text = askForPrompt(this, tr("Add a prompt"),
                                      tr("The model runs this text; its last token becomes a trajectory."));
    if (!text.isEmpty()) m_added = m_workspace.prompts().add(text);
}

/// What was just added is chosen, and seen, as soon as it has a row.
void SourcePanel::showAdded(PromptId id) {
    if (id != m_added) return;
    m_added = {};
    m_search->clear();
    m_selection.selectPrompt(id);
    m_prompts->scrollTo(m_filtered->mapFromSource(m_promptModel->indexOf(id)));
}

void SourcePanel::editPrompt() {
    const auto ids = chosen();
    if (ids.size() != 1 || !m_edit->isEnabled()) return;
    const QString before = QString::fromStdString(m_workspace.prompts().sampleOf(ids.front()).text);
    const QString text =
        askForPrompt(this, tr("Edit the prompt"),
                     tr("The model runs the new text; the old trajectory stays until this is done."), before);
    if (!text.isEmpty() && text != before) m_workspace.prompts().edit(ids.front(), text);
}

void SourcePanel::removePrompts() {
    const auto ids = chosen();
    if (!ids.isEmpty()) m_workspace.prompts().remove(ids);
}

}  // namespace rheo
