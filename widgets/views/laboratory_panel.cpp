#include "widgets/views/laboratory_panel.h"

#include <QComboBox>
#include <QDialog>
#include <QDialogButtonBox>
#include <QDoubleSpinBox>
#include <QFileDialog>
#include <QFormLayout>
#include <QGridLayout>
#include <QHeaderView>
#include <QInputDialog>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QLocale>
#include <QMenu>
#include <QPushButton>
#include <QShortcut>
#include <QSlider>
#include <QSpinBox>
#include <QTableView>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/figure/teleport_figure.h"
#include "widgets/viewmodels/edit_sources.h"
#include "widgets/viewmodels/fit_rows.h"
#include "widgets/viewmodels/named_rows.h"
#include "widgets/viewmodels/prompt_queue.h"
#include "widgets/views/figure_widget.h"

namespace rheo {

namespace {

constexpr int sliderSteps = 200;
constexpr int pause = 30;  // milliseconds between two drawings while a slider moves

QString text(std::string_view words) {
    return QString::fromUtf8(words.data(), static_cast<qsizetype>(words.size()));
}

}  // namespace

LaboratoryPanel::LaboratoryPanel(Workspace& workspace, Selection& selection, TeleportModel& teleport,
                                 Laboratory& laboratory, QWidget* parent)
    : QWidget(parent),
      m_workspace(workspace),
      m_selection(selection),
      m_teleport(teleport),
      m_laboratory(laboratory),
      m_model(new EditListModel(laboratory, this)),
      m_table(new QTableView),
      m_add(new QMenu(this)),
      m_empty(new QLabel),
      m_form(new QWidget),
      m_point(new QComboBox),
      m_tokens(new QLineEdit),
      m_operation(new QComboBox),
      m_unit(new QComboBox),
      m_slider(new QSlider(Qt::Horizontal)),
      m_strength(new QDoubleSpinBox),
      m_outcome(new QLabel),
      m_axesText(new QLabel),
      m_next(new FigureWidget(m_workspace.jobs())),
      m_remove(new QPushButton(tr("&Remove"))),
      m_up(new QPushButton(tr("&Up"))),
      m_down(new QPushButton(tr("&Down"))),
      m_saveVector(new QPushButton(tr("Save &vector…"))),
      m_save(new QPushButton(tr("Sa&ve edits…"))),
      m_copy(new QPushButton(tr("Copy as co&mmand"))),
      m_axes(new QPushButton(tr("Use as a&xes"))) {
    buildTable();
    m_form->setLayout(buildForm());
    m_empty->setWordWrap(true);
    m_empty->setText(
        tr("An edit changes states while the model runs: it replaces a state, adds a direction, or removes "
           "one. Move a state in the trajectories and add it here, or add a direction from a token, from "
           "groups of rows, or from a file."));
    m_outcome->setWordWrap(true);
    m_axesText->setWordWrap(true);
    m_axesText->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_axesText->setAccessibleName(tr("How the directions become axes"));
    m_next->setMinimumHeight(150);
    m_next->setAccessibleName(tr("Next tokens without and with the edits"));
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(8, 8, 8, 8);
    auto* add = new QPushButton(tr("&Add an edit"));
    add->setMenu(m_add);
    connect(m_add, &QMenu::aboutToShow, this, &LaboratoryPanel::fillAddMenu);
    layout->addWidget(add);
    layout->addWidget(m_empty);
    layout->addWidget(m_table, 3);
    layout->addWidget(m_form);
    layout->addWidget(m_outcome);
    layout->addWidget(m_next, 4);
    layout->addWidget(m_axesText);
    layout->addLayout(buildButtons());
    m_soon.setSingleShot(true);
    m_soon.setInterval(pause);
    connect(&m_soon, &QTimer::timeout, this, &LaboratoryPanel::updateOutcome);
    connect(&m_laboratory, &Laboratory::editsChanged, this, &LaboratoryPanel::updateForm);
    connect(&m_workspace, &Workspace::modelChanged, this, &LaboratoryPanel::updateForm);
    connect(&m_laboratory, &Laboratory::pathChanged, this, [this] {
        if (!m_soon.isActive()) m_soon.start();
    });
    connect(&m_workspace, &Workspace::stateChanged, this, &LaboratoryPanel::updateAxes);
    updateForm();
    updateOutcome();
    updateAxes();
}

void LaboratoryPanel::buildTable() {
    m_table->setModel(m_model);
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->setSelectionMode(QAbstractItemView::SingleSelection);
    m_table->setEditTriggers(QAbstractItemView::EditKeyPressed | QAbstractItemView::DoubleClicked);
    m_table->setAccessibleName(tr("Edits"));
    m_table->setShowGrid(false);
    m_table->setWordWrap(false);
    m_table->setMinimumHeight(130);
    m_table->setTabKeyNavigation(false);
    m_table->verticalHeader()->hide();
    m_table->verticalHeader()->setDefaultSectionSize(2 * m_table->fontMetrics().height() + 8);
    m_table->horizontalHeader()->setStretchLastSection(false);
    m_table->horizontalHeader()->setSectionResizeMode(EditListModel::Name, QHeaderView::Stretch);
    m_table->horizontalHeader()->setSectionResizeMode(EditListModel::Strength, QHeaderView::ResizeToContents);
    m_table->horizontalHeader()->setHighlightSections(false);
    connect(m_table->selectionModel(), &QItemSelectionModel::currentRowChanged, this,
            &LaboratoryPanel::updateForm);
    connect(m_model, &QAbstractItemModel::rowsInserted, this,
            [this](const QModelIndex&, int, int last) { m_table->setCurrentIndex(m_model->index(last, 0)); });
    connect(new QShortcut(Qt::Key_Delete, m_table, nullptr, nullptr, Qt::WidgetShortcut),
            &QShortcut::activated, m_remove, &QPushButton::click);
}

QLayout* LaboratoryPanel::buildForm() {
    m_point->setAccessibleName(tr("Residual point"));
    m_point->setToolTip(tr("The residual point whose states are changed"));
    m_tokens->setAccessibleName(tr("Tokens"));
    m_tokens->setPlaceholderText(tr("last, all, 3:, 3:7, 1,2 or generated"));
    m_tokens->setToolTip(
        tr("Which tokens it changes: last, all, 3: (from 3 on), 3:7 (3 to 6), 1,2 or generated"));
    m_operation->setAccessibleName(tr("What it does"));
    m_operation->setToolTip(tr("How a state h changes with the vector v; the list gives the formulas"));
    for (const EditOperation& operation : editOperations()) {
        m_operation->addItem(text(operation.name).replace('_', ' '), text(operation.name));
        m_operation->setItemData(m_operation->count() - 1, text(operation.summary), Qt::ToolTipRole);
    }
    m_unit->addItem(tr("of the vector"), int(StrengthUnit::Absolute));
    m_unit->addItem(tr("RMS of the rows"), int(StrengthUnit::Rms));
    m_unit->setAccessibleName(tr("Unit of the strength"));
    m_unit->setToolTip(
        tr("With strength 1, the vector is used unchanged, or scaled to the RMS norm of the rows at this "
           "point"));
    m_slider->setRange(0, sliderSteps);
    m_slider->setAccessibleName(tr("Strength"));
    m_slider->setToolTip(tr("Strength of the edit; at 0 it changes nothing (scale: at 1)"));
    m_strength->setRange(-1e6, 1e6);
    m_strength->setDecimals(3);
    m_strength->setSingleStep(0.1);
    m_strength->setKeyboardTracking(false);
    m_strength->setAccessibleName(tr("Strength as a number"));
    m_strength->setToolTip(tr("The strength as a number, also beyond the ends of the slider"));
    m_strength->setMinimumWidth(84);
    auto* grid = new QGridLayout;
    grid->setContentsMargins(0, 0, 0, 0);
    grid->addWidget(new QLabel(tr("At")), 0, 0);
    grid->addWidget(m_point, 0, 1);
    grid->addWidget(m_operation, 0, 2);
    grid->addWidget(new QLabel(tr("Tokens")), 1, 0);
    grid->addWidget(m_tokens, 1, 1);
    grid->addWidget(m_unit, 1, 2);
    grid->addWidget(new QLabel(tr("Strength")), 2, 0);
    grid->addWidget(m_slider, 2, 1);
    grid->addWidget(m_strength, 2, 2);
    grid->setColumnStretch(1, 1);
    for (QComboBox* list : {m_point, m_operation, m_unit}) {
        list->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
        list->setMinimumContentsLength(9);
    }
    connect(m_point, &QComboBox::activated, this, [this] {
        changeChosen(tr("Move an edit to another point"), [this](Edit& edit) {
            edit.point =
                m_workspace.model()->model->points()[static_cast<std::size_t>(m_point->currentIndex())];
        });
    });
    connect(m_operation, &QComboBox::activated, this, [this] {
        changeChosen(tr("Change what an edit does"), [this](Edit& edit) {
            edit.operation = m_operation->currentData().toString().toStdString();
            const EditOperation* operation = findOperation(edit.operation);
            if (operation != nullptr && !operation->acceptsRms) edit.unit = StrengthUnit::Absolute;
        });
    });
    connect(m_unit, &QComboBox::activated, this, [this] {
        changeChosen(tr("Change the unit of a strength"),
                     [this](Edit& edit) { edit.unit = StrengthUnit(m_unit->currentData().toInt()); });
    });
    connect(m_tokens, &QLineEdit::editingFinished, this, [this] {
        try {
            const EditTokens tokens = parseEditTokens(m_tokens->text().trimmed().toStdString());
            changeChosen(tr("Change the tokens of an edit"), [&](Edit& edit) { edit.tokens = tokens; });
        } catch (const Error& error) {
            m_workspace.fail(tr("Change the tokens of an edit"),
                             {error.code(), QString::fromUtf8(error.what()), {}});
            updateForm();
        }
    });
    connect(m_slider, &QSlider::valueChanged, this, [this](int value) {
        if (m_updating || !chosen()) return;
        m_laboratory.preview(*chosen(), valueOf(value));
        if (!m_slider->isSliderDown()) m_laboratory.settle();  // by a key, or by a click beside it
    });
    connect(m_slider, &QSlider::sliderReleased, &m_laboratory, &Laboratory::settle);
    connect(m_strength, &QDoubleSpinBox::valueChanged, this, [this](double value) {
        if (m_updating || !chosen()) return;
        m_laboratory.preview(*chosen(), value);
        m_laboratory.settle();
    });
    return grid;
}

QLayout* LaboratoryPanel::buildButtons() {
    auto* open = new QPushButton(tr("&Open edits…"));
    m_saveVector->setToolTip(tr("The vector of the chosen edit as .npy or .safetensors"));
    m_save->setToolTip(tr("All edits with their vectors, as rheo intervene --edits reads them"));
    m_copy->setToolTip(tr("Copy the rheo command that runs the selected prompt with these edits"));
    auto* grid = new QGridLayout;
    int place = 0;
    m_axes->setToolTip(
        tr("The vectors of the edits that are on, three at most, become the axes of the trajectories, "
           "orthonormalised or skew. Ctrl+R shows the principal components again."));
    auto* frames = new QMenu(this);
    for (const auto& [words, frame] : {std::pair{tr("Orthonormal"), AxesFrame::Orthonormal},
                                       std::pair{tr("Skew (only scaled to length 1)"), AxesFrame::Skew}})
        connect(frames->addAction(words), &QAction::triggered, this,
                [this, frame = frame] { useAsAxes(frame); });
    m_axes->setMenu(frames);
    for (QPushButton* button : {m_remove, m_up, m_down, open, m_save, m_saveVector, m_axes, m_copy}) {
        grid->addWidget(button, place / 3, place % 3, 1, button == m_copy ? 2 : 1);
        ++place;
    }
    connect(m_remove, &QPushButton::clicked, this, [this] {
        if (chosen()) m_laboratory.remove(*chosen());
    });
    connect(m_up, &QPushButton::clicked, this, [this] { moveChosen(-1); });
    connect(m_down, &QPushButton::clicked, this, [this] { moveChosen(1); });
    connect(open, &QPushButton::clicked, this, [this] {
        const QString file =
            QFileDialog::getOpenFileName(this, tr("Open edits"), {}, tr("Edits (*.json);;All files (*)"));
        if (!file.isEmpty()) openEdits(m_workspace, m_laboratory, file);
    });
    connect(m_save, &QPushButton::clicked, this, [this] {
        const QString file =
            QFileDialog::getSaveFileName(this, tr("Save the edits"), "edits.json", tr("Edits (*.json)"));
        if (!file.isEmpty()) saveEdits(m_workspace, m_laboratory, file, true);
    });
    connect(m_saveVector, &QPushButton::clicked, this, &LaboratoryPanel::askToSaveVector);
    connect(m_copy, &QPushButton::clicked, this, &LaboratoryPanel::copyRequested);
    return grid;
}

// ---- adding ---------------------------------------------------------------------------------------------

void LaboratoryPanel::fillAddMenu() {
    m_add->clear();
    const auto row = [this](const QString& words, bool possible, const QString& tip, auto act) {
        QAction* action = m_add->addAction(words);
        action->setEnabled(possible);
        action->setToolTip(tip);
        connect(action, &QAction::triggered, this, act);
    };
    m_add->setToolTipsVisible(true);
    const bool model = m_workspace.model() != nullptr,
               moved = editOfPush(m_workspace, m_teleport).has_value();
    const auto addEdit = [this](std::optional<Edit> edit) {
        if (edit) m_laboratory.add(std::move(*edit));
    };
    row(tr("Set this state to the moved state"), moved, tr("Move a state in the trajectories first"),
        [this, addEdit] { addEdit(editOfHeldState(m_workspace, m_teleport)); });
    row(tr("Add the push of the moved state to this token and all later ones"), moved,
        tr("Move a state in the trajectories first"),
        [this, addEdit] { addEdit(editOfPush(m_workspace, m_teleport)); });
    row(tr("The held state in another prompt…"), model && m_teleport.heldState().size() > 0,
        tr("Patchscope: what does the model make of this state in another prompt?"),
        [this] { askForPrompt(); });
    m_add->addSeparator();
    row(tr("The difference of two groups of rows…"), model && m_workspace.state()->rows() > 1,
        tr("The mean of some rows minus that of others, at the selected point"), [this] { askForMeans(); });
    row(tr("A linear probe between two groups of rows…"), model && m_workspace.state()->rows() > 3,
        tr("The direction that separates two groups at the selected point, with its cross-validated accuracy "
           "beside that for shuffled labels"),
        [this] { askForProbe(); });
    row(tr("The direction of a token…"), model, tr("The direction that raises its logit"),
        [this] { askForToken(); });
    row(tr("Vectors from a file…"), model, tr("NumPy, safetensors or HDF5"), [this] { askForVectors(); });
    m_add->addSeparator();
    row(tr("A scale of all states"), model, tr("At the selected point, for all tokens"), [this] {
        Edit edit;
        edit.name = "scale";
        edit.operation = "scale";
        edit.tokens.kind = EditTokens::Kind::All;
        const auto& points = m_workspace.points();
        edit.point = points[static_cast<std::size_t>(std::max<std::int64_t>(0, m_selection.point().value()))];
        m_laboratory.add(std::move(edit));
    });
}

/// The prompt is selected, so that its next tokens are shown.
void LaboratoryPanel::askForPrompt() {
    QDialog dialog(this);
    dialog.setWindowTitle(tr("Put the state into another prompt"));
    auto* form = new QFormLayout(&dialog);
    auto* prompts = new QListWidget;
    const auto& queue = m_workspace.prompts();
    for (int i = 0; i < queue.count(); ++i) {
        auto* item = new QListWidgetItem(queue.at(i).text.simplified().left(80), prompts);
        item->setData(Qt::UserRole, qlonglong(queue.at(i).id.value()));
    }
    auto* token = new QSpinBox;
    token->setPrefix(tr("token "));
    token->setToolTip(tr("The token whose state is replaced, counted from 0"));
    prompts->setToolTip(tr("The prompt into which the state is inserted"));
    const auto tokensOf = [&] {
        const auto* item = prompts->currentItem();
        return item == nullptr ? Sample{} : queue.sampleOf(PromptId{item->data(Qt::UserRole).toLongLong()});
    };
    connect(prompts, &QListWidget::currentRowChanged, &dialog, [&] {
        const auto last = static_cast<int>(tokensOf().tokenIds.size()) - 1;
        token->setRange(0, std::max(0, last));
        token->setValue(std::max(0, last));
    });
    form->addRow(tr("&Prompt"), prompts);
    form->addRow(tr("&In place of"), token);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Ok | QDialogButtonBox::Cancel);
    form->addRow(buttons);
    connect(buttons, &QDialogButtonBox::accepted, &dialog, &QDialog::accept);
    connect(buttons, &QDialogButtonBox::rejected, &dialog, &QDialog::reject);
    prompts->setCurrentRow(0);
    if (dialog.exec() != QDialog::Accepted || prompts->currentItem() == nullptr) return;
    auto edit = editInAnotherPrompt(m_workspace, m_teleport, token->value());
    if (!edit) return;
    m_selection.selectPrompt(PromptId{prompts->currentItem()->data(Qt::UserRole).toLongLong()});
    m_laboratory.add(std::move(*edit));
}

std::vector<LaboratoryPanel::RowGroup> LaboratoryPanel::rowGroups() const {
    const auto state = m_workspace.state();
    std::vector<RowGroup> groups;
    const auto offer = [&](const QString& name, const QList<qint64>& rows) {
        if (!rows.isEmpty()) groups.push_back({name, rows});
    };
    QList<qint64> all, others;
    for (qint64 n = 0; n < state->rows(); ++n) {
        all << n;
        if (!m_selection.rows().contains(n)) others << n;
    }
    for (const NamedRows& named : state->named)
        offer(QString::fromStdString(named.name), rowsOf(*state, named));
    offer(tr("the selected rows"), m_selection.rows());
    offer(tr("the rows that are not selected"), others);
    offer(tr("all rows"), all);
    std::map<std::string, QList<qint64>> byGroup;
    const auto& info = state->trace->info();
    for (std::size_t n = 0; n < info.rows.size(); ++n) {
        const auto sample = static_cast<std::size_t>(info.rows[n].sample);
        if (sample < info.samples.size() && !info.samples[sample].group.empty())
            byGroup[info.samples[sample].group] << static_cast<qint64>(n);
    }
    for (const auto& [name, rows] : byGroup) offer(tr("group %1").arg(QString::fromStdString(name)), rows);
    return groups;
}

std::optional<LaboratoryPanel::TwoGroups> LaboratoryPanel::askForTwoGroups(const QString& title,
                                                                           const QString& plusLabel,
                                                                           const QString& minusLabel,
                                                                           bool kinds) {
    const std::vector<RowGroup> groups = rowGroups();
    QDialog dialog(this);
    dialog.setWindowTitle(title);
    auto* form = new QFormLayout(&dialog);
    auto *plus = new QComboBox, *minus = new QComboBox, *kind = new QComboBox;
    plus->setToolTip(tr("The direction points towards the mean of these rows"));
    minus->setToolTip(tr("The direction points away from the mean of these rows"));
    kind->setToolTip(tr("Ridge: least squares on +1 and -1; logistic: logistic regression"));
    plus->setObjectName("plus");
    minus->setObjectName("minus");
    for (const RowGroup& group : groups)
        for (QComboBox* list : {plus, minus})
            list->addItem(tr("%1 (%2)").arg(group.name).arg(group.rows.size()));
    minus->setCurrentIndex(std::min<int>(1, static_cast<int>(groups.size()) - 1));
    form->addRow(plusLabel, plus);
    form->addRow(minusLabel, minus);
    kind->addItem(tr("Ridge regression"), int(ProbeKind::Ridge));
    kind->addItem(tr("Logistic regression"), int(ProbeKind::Logistic));
    if (kinds) form->addRow(tr("&Fitted by"), kind);
    form->addRow(new QLabel(tr("Rows get a name with Ctrl+G.")));
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Ok | QDialogButtonBox::Cancel);
    form->addRow(buttons);
    connect(buttons, &QDialogButtonBox::accepted, &dialog, &QDialog::accept);
    connect(buttons, &QDialogButtonBox::rejected, &dialog, &QDialog::reject);
    const bool accepted = dialog.exec() == QDialog::Accepted;
    const auto chosenKind = static_cast<ProbeKind>(kind->currentData().toInt());
    if (!kinds) delete kind;
    if (!accepted || groups.empty()) return std::nullopt;
    return TwoGroups{groups[static_cast<std::size_t>(plus->currentIndex())],
                     groups[static_cast<std::size_t>(minus->currentIndex())], chosenKind};
}

void LaboratoryPanel::askForMeans() {
    const auto groups =
        askForTwoGroups(tr("Difference of two means"), tr("&Mean of"), tr("&minus the mean of"), false);
    if (groups)
        addDifferenceOfMeans(m_workspace, m_selection, m_laboratory, groups->plus.name, groups->plus.rows,
                             groups->minus.name, groups->minus.rows);
}

void LaboratoryPanel::askForProbe() {
    const auto groups =
        askForTwoGroups(tr("A linear probe between two groups"), tr("&Toward"), tr("&Away from"), true);
    if (groups)
        addLinearProbe(m_workspace, m_selection, m_laboratory, groups->plus.name, groups->plus.rows,
                       groups->minus.name, groups->minus.rows, groups->kind);
}

void LaboratoryPanel::askForToken() {
    bool ok = false;
    const QString token = QInputDialog::getText(this, tr("The direction of a token"),
                                                tr("The token, with its space if it has one (\" Paris\"):"),
                                                QLineEdit::Normal, {}, &ok);
    if (ok && !token.isEmpty()) addLogitDirection(m_workspace, m_selection, m_laboratory, token);
}

void LaboratoryPanel::askForVectors() {
    const QString file =
        QFileDialog::getOpenFileName(this, tr("Vectors from a file"), {},
                                     tr("Vectors (*.npy *.npz *.safetensors *.h5 *.hdf5);;All files (*)"));
    if (file.isEmpty()) return;
    addVectorsOfFile(
        m_workspace, m_selection, m_laboratory, file, [this](const std::vector<NamedVector>& vectors) {
            QStringList names;
            for (const NamedVector& vector : vectors) names << QString::fromStdString(vector.name);
            bool ok = false;
            const QString name = QInputDialog::getItem(this, tr("Vectors from a file"),
                                                       tr("The file holds %1 vectors:").arg(names.size()),
                                                       names, 0, false, &ok);
            return ok ? QList<int>{static_cast<int>(names.indexOf(name))} : QList<int>{};
        });
}

void LaboratoryPanel::askToSaveVector() {
    if (!chosen()) return;
    const Edit& edit = m_laboratory.edits()[*chosen()];
    const QString file = QFileDialog::getSaveFileName(this, tr("Save the vector"), "vector.safetensors",
                                                      tr("Vectors (*.safetensors *.npy)"));
    if (!file.isEmpty()) saveVectorOf(m_workspace, edit, file, true);
}

void LaboratoryPanel::useAsAxes(AxesFrame frame) {
    std::vector<NamedDirection> directions;
    for (const Edit& edit : m_laboratory.edits())
        if (edit.on && edit.vector.size() > 0 && directions.size() < 3)
            directions.push_back({edit.name, edit.vector});
    if (!directions.empty()) useAxes(m_workspace, std::move(directions), frame);
}

/// Name, share of the variance and nearest tokens of each axis that is a direction.
void LaboratoryPanel::updateAxes() {
    const auto basis = m_workspace.state()->basis;
    QStringList lines;
    for (Eigen::Index i = 0; basis && !basis->names.empty() && i < basis->components.rows(); ++i) {
        const QString meaning = QString::fromStdString(axisMeaning(*basis, i)).toHtmlEscaped();
        lines << QStringLiteral("<b>%1</b>%2%3")
                     .arg(QString::fromStdString(axisName(*basis, i)).toHtmlEscaped(),
                          i < basis->explained.size()
                              ? tr(": %1 % of the variance")
                                    .arg(QLocale().toString(100 * basis->explained[i], 'g', 3))
                              : QString(),
                          meaning.isEmpty() ? QString() : QStringLiteral("; ") + meaning);
    }
    m_axesText->setVisible(!lines.isEmpty());
    m_axesText->setText(lines.isEmpty() ? QString() : tr("Axes:") + "<br>" + lines.join("<br>"));
}

// ---- the chosen edit ------------------------------------------------------------------------------------

std::optional<std::size_t> LaboratoryPanel::chosen() const {
    const int row = m_table->currentIndex().row();
    if (row < 0 || row >= static_cast<int>(m_laboratory.edits().size())) return std::nullopt;
    return static_cast<std::size_t>(row);
}

void LaboratoryPanel::changeChosen(const QString& what, const std::function<void(Edit&)>& change) {
    if (m_updating || !chosen()) return;
    const Edit& before = m_laboratory.edits()[*chosen()];
    Edit edit = before;
    change(edit);
    const bool same = edit.point == before.point && edit.tokens == before.tokens &&
                      edit.operation == before.operation && edit.unit == before.unit;
    if (!same) m_laboratory.change(*chosen(), std::move(edit), what);
}

void LaboratoryPanel::moveChosen(int by) {
    if (!chosen()) return;
    const auto from = static_cast<int>(*chosen()), to = from + by;
    if (to < 0 || to >= static_cast<int>(m_laboratory.edits().size())) return;
    m_laboratory.move(static_cast<std::size_t>(from), static_cast<std::size_t>(to));
    m_table->setCurrentIndex(m_model->index(to, 0));
}

double LaboratoryPanel::valueOf(int slider) const {
    const EditOperation* operation = findOperation(m_laboratory.edits()[*chosen()].operation);
    const double low = operation == nullptr ? 0 : operation->low,
                 high = operation == nullptr ? 1 : operation->high;
    // Whole steps of the range: 0 and 1 are among them.
    return low + (high - low) * slider / sliderSteps;
}

void LaboratoryPanel::updateForm() {
    const auto place = chosen();
    const bool any = !m_laboratory.edits().empty();
    m_empty->setVisible(!any);
    m_table->setVisible(any);
    m_form->setVisible(any);
    m_next->setVisible(any);
    for (QPushButton* button : {m_remove, m_up, m_down, m_saveVector}) button->setEnabled(place.has_value());
    for (QPushButton* button : {m_save, m_copy}) button->setEnabled(any);
    m_axes->setEnabled(std::any_of(m_laboratory.edits().begin(), m_laboratory.edits().end(),
                                   [](const Edit& edit) { return edit.on && edit.vector.size() > 0; }));
    m_form->setEnabled(place.has_value());
    if (!place) return;
    const Edit& edit = m_laboratory.edits()[*place];
    const EditOperation* operation = findOperation(edit.operation);
    m_updating = true;
    if (const auto loaded = m_workspace.model()) {
        const auto& points = loaded->model->points();
        if (m_point->count() != static_cast<int>(points.size())) {
            m_point->clear();
            for (const ResidualPoint& point : points)
                m_point->addItem(QString::fromStdString(pointName(point)));
        }
        m_point->setCurrentText(QString::fromStdString(pointName(edit.point)));
    }
    m_point->setEnabled(m_workspace.model() != nullptr);
    if (!m_tokens->hasFocus() || !m_tokens->isModified())
        m_tokens->setText(QString::fromStdString(editTokensText(edit.tokens)));
    m_operation->setCurrentIndex(m_operation->findData(QString::fromStdString(edit.operation)));
    m_unit->setCurrentIndex(m_unit->findData(int(edit.unit)));
    m_unit->setEnabled(operation != nullptr && operation->acceptsRms && edit.vector.size() > 0);
    m_saveVector->setEnabled(edit.vector.size() > 0);
    if (operation != nullptr && !m_slider->isSliderDown())
        m_slider->setValue(static_cast<int>(std::lround(
            sliderSteps *
            std::clamp((edit.strength - operation->low) / (operation->high - operation->low), 0.0, 1.0))));
    m_strength->setValue(edit.strength);
    m_updating = false;
}

// ---- what comes of it -----------------------------------------------------------------------------------

void LaboratoryPanel::setDark(bool dark) {
    m_dark = dark;
    updateOutcome();
}

void LaboratoryPanel::updateOutcome() {
    m_soon.stop();
    m_outcome->setVisible(!m_laboratory.edits().empty());
    if (!m_laboratory.trouble().isEmpty()) {
        m_outcome->setText(m_laboratory.trouble());
        return m_next->setFigure(nullptr);
    }
    const double kl = m_laboratory.kl();
    m_outcome->setText(
        std::isnan(kl) ? QString()
                       : tr("On “%1”: KL from the natural run %2 nats")
                             .arg(QString::fromStdString(m_laboratory.sample().text).simplified().right(40),
                                  QLocale().toString(kl, 'g', 3)));
    std::vector<TokenChange> tokens;
    for (const NextToken& next : m_laboratory.nextTokens(8))
        tokens.push_back({next.text.toStdString(), next.natural, next.teleported});
    if (tokens.empty()) return m_next->setFigure(nullptr);
    Figure figure = nextTokenFigure(tokens, m_dark ? darkTheme() : lightTheme());
    auto& bars = std::get<BarPlot>(figure.panels.front().plot);
    if (bars.series.size() > 1) bars.series[1] = "with the edits";
    figure.panels.front().title = tr("Next token, without and with the edits").toStdString();
    m_next->setFigure(std::make_shared<const Figure>(std::move(figure)));
}

}  // namespace rheo
