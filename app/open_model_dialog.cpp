#include "app/open_model_dialog.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDialogButtonBox>
#include <QFileDialog>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QLocale>
#include <QPainter>
#include <QPushButton>
#include <QSortFilterProxyModel>
#include <QSpinBox>
#include <QStackedWidget>
#include <QStyledItemDelegate>
#include <QThread>
#include <QVBoxLayout>
#include <limits>
#include <utility>

#include "core/checkpoint/adapter.h"
#include "core/checkpoint/model_cache.h"
#include "core/checkpoint/ollama_store.h"
#include "widgets/viewmodels/cached_model_list.h"
#include "widgets/viewmodels/open_document.h"
#include "widgets/viewmodels/preferences.h"

namespace rheo {

namespace {

/// A model in two lines: its name, and what it is or what is wrong with it.
class ModelDelegate : public QStyledItemDelegate {
public:
    using QStyledItemDelegate::QStyledItemDelegate;
    QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex&) const override {
        return {240, 2 * option.fontMetrics.height() + 12};
    }
    void paint(QPainter* painter, const QStyleOptionViewItem& option,
               const QModelIndex& index) const override {
        QStyleOptionViewItem empty = option;
        initStyleOption(&empty, index);
        empty.text.clear();
        empty.widget->style()->drawControl(QStyle::CE_ItemViewItem, &empty, painter, empty.widget);
        const bool chosen = option.state & QStyle::State_Selected;
        const bool opens = index.data(CachedModelList::OpensRole).toBool();
        const QColor ink = option.palette.color(chosen ? QPalette::HighlightedText : QPalette::Text);
        QColor faint = ink;
        faint.setAlphaF(0.72f);
        const QRect box = option.rect.adjusted(9, 6, -9, -6);
        const auto line = [&](const QString& text, const QColor& color, Qt::Alignment where) {
            painter->setPen(color);
            painter->drawText(box, where,
                              painter->fontMetrics().elidedText(text, Qt::ElideRight, box.width()));
        };
        painter->save();
        QFont bold = option.font;
        bold.setBold(true);
        painter->setFont(bold);
        line(index.data().toString(), opens ? ink : faint, Qt::AlignTop | Qt::AlignLeft);
        painter->setFont(option.font);
        if (opens)
            line(index.data(CachedModelList::SummaryRole).toString(), faint, Qt::AlignBottom | Qt::AlignLeft);
        else
            line(index.data(CachedModelList::TroubleRole).toString(),
                 chosen ? ink : option.palette.color(QPalette::BrightText), Qt::AlignBottom | Qt::AlignLeft);
        painter->restore();
    }
};

QLabel* paragraph(Qt::TextFormat format) {
    auto* label = new QLabel;
    label->setTextFormat(format);
    label->setWordWrap(true);
    label->setTextInteractionFlags(Qt::TextSelectableByMouse);
    return label;
}

/// Whether a person must agree before this model is opened.
bool asksFirst(const Checkpoint& checkpoint) {
    return !checkpoint.config().acceptedKeys.empty();
}

/// Why a model cannot be opened just so.
QString troubleOf(const Checkpoint& checkpoint) {
    if (!asksFirst(checkpoint)) return QString::fromStdString(checkpoint.weightsMissing());
    QStringList keys;
    for (const std::string& key : checkpoint.config().acceptedKeys) keys << QString::fromStdString(key);
    return OpenModelDialog::tr(
               "The program does not know whether these keys of the configuration change the computation: "
               "%1. Open the model anyway if you know that they change nothing; everything made from it "
               "records the keys")
        .arg(keys.join(QStringLiteral(", ")));
}

}  // namespace

OpenModelDialog::OpenModelDialog(JobRunner& jobs, QWidget* parent)
    : OpenModelDialog(jobs, std::shared_ptr<const Checkpoint>(), parent) {}

OpenModelDialog::OpenModelDialog(JobRunner& jobs, const QString& adapter, QWidget* parent)
    : OpenModelDialog(jobs, parent) {
    inspect(adapter);
}

OpenModelDialog::OpenModelDialog(JobRunner& jobs, std::shared_ptr<const Checkpoint> checkpoint,
                                 QWidget* parent)
    : QDialog(parent),
      m_jobs(jobs),
      m_checkpoint(std::move(checkpoint)),
      m_note(paragraph(Qt::RichText)),
      m_detail(paragraph(Qt::RichText)),
      m_device(new QComboBox),
      m_dtype(new QComboBox),
      m_threads(new QSpinBox),
      m_adapter(new QLineEdit),
      m_untrained(new QCheckBox(tr("&Random, as before training; seed"))),
      m_seed(new QSpinBox),
      m_place(new QComboBox),
      m_forecast(paragraph(Qt::PlainText)) {
    setWindowTitle(tr("Open a model"));
    build();
    if (m_models != nullptr) {
        m_models->refresh();
        return;
    }
    m_folder = QString::fromStdString(m_checkpoint->folder().string());
    m_base = m_checkpoint;
    m_baseTrouble = troubleOf(*m_checkpoint);
    if (const Adapter* adapter = m_checkpoint->adapter()) {
        const QSignalBlocker quiet(m_adapter);  // it is read already
        m_adapter->setText(QString::fromStdString(adapter->folder.string()));
        m_base = nullptr;
    }
    offer(m_checkpoint, m_baseTrouble);
}

void OpenModelDialog::build() {
    m_device->addItem(tr("Processor"), "cpu");
    m_device->addItem(tr("GPU (CUDA)"), "cuda");
    for (const DType dtype : {DType::Float32, DType::BFloat16, DType::Float16})
        m_dtype->addItem(QString::fromUtf8(dtypeName(dtype).data()), int(dtype));
    m_device->setToolTip(tr("The device that computes the model"));
    m_dtype->setToolTip(
        tr("Number format of weights and states while the model runs: float32 is exact, bfloat16 takes half "
           "the memory"));
    m_threads->setToolTip(tr("Processor threads; more are faster up to the number of cores"));
    m_threads->setRange(0, 1024);
    m_threads->setSpecialValueText(tr("one per core (%1)").arg(QThread::idealThreadCount()));
    m_untrained->setToolTip(tr(
        "The same architecture with random weights: shows what its trajectories look like without training"));
    m_place->addItem(tr("in memory if they fit"), int(WeightPlace::Automatic));
    m_place->addItem(tr("in memory"), int(WeightPlace::Memory));
    m_place->addItem(tr("streamed from the files"), int(WeightPlace::Stream));
    m_place->setAccessibleName(tr("Where the weights are"));
    m_place->setToolTip(
        tr("Streamed: one block after another is read whenever the model runs, so that a model larger than "
           "the memory can run. The numbers are the same; each path takes as long as reading the files."));
    m_seed->setRange(0, std::numeric_limits<int>::max());
    m_seed->setToolTip(tr("The same seed gives the same weights"));
    m_seed->setEnabled(false);
    m_seed->setAccessibleName(tr("Seed of the random weights"));
    // Room from the start: a dialog whose parts move while one reads it is a nuisance.
    m_detail->setMinimumHeight((m_checkpoint == nullptr ? 5 : 2) * fontMetrics().lineSpacing() + 4);
    m_forecast->setMinimumHeight(2 * fontMetrics().lineSpacing() + 4);
    m_forecast->setAlignment(Qt::AlignTop | Qt::AlignLeft);
    m_detail->setAlignment(Qt::AlignTop | Qt::AlignLeft);

    m_adapter->setClearButtonEnabled(true);
    m_adapter->setPlaceholderText(tr("none"));
    m_adapter->setToolTip(tr(
        "The folder of a LoRA adapter of PEFT (adapter_config.json): it is merged into the weights as they "
        "are read. The model's own files stay as they are."));
    auto* browse = new QPushButton(tr("&Browse…"));
    browse->setToolTip(tr("Choose the folder of the adapter"));
    auto* adapterRow = new QWidget;
    auto* adapted = new QHBoxLayout(adapterRow);
    adapted->setContentsMargins(0, 0, 0, 0);
    adapted->addWidget(m_adapter, 1);
    adapted->addWidget(browse);
    connect(browse, &QPushButton::clicked, this, &OpenModelDialog::chooseAdapter);
    connect(m_adapter, &QLineEdit::textChanged, this, &OpenModelDialog::useAdapter);

    auto* weights = new QHBoxLayout;
    weights->addWidget(m_place);
    weights->addWidget(m_untrained);
    weights->addWidget(m_seed);
    weights->addStretch();
    auto* form = new QFormLayout;
    form->addRow(tr("&Device"), m_device);
    form->addRow(tr("&Precision"), m_dtype);
    const Preferences preferences = readPreferences();
    m_device->setCurrentIndex(m_device->findData(preferences.device));
    m_threads->setValue(preferences.threads);
    form->addRow(tr("&Threads"), m_threads);
    form->addRow(tr("Weights"), weights);
    form->addRow(tr("&Adapter"), adapterRow);
    qobject_cast<QLabel*>(form->labelForField(adapterRow))->setBuddy(m_adapter);

    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Open | QDialogButtonBox::Cancel);
    m_open = buttons->button(QDialogButtonBox::Open);
    auto* layout = new QVBoxLayout(this);
    layout->setSpacing(10);
    if (m_checkpoint == nullptr) {
        layout->addWidget(cacheList(), 1);
        auto* folder = buttons->addButton(tr("Choose a &folder…"), QDialogButtonBox::ActionRole);
        connect(folder, &QPushButton::clicked, this, &OpenModelDialog::chooseFolder);
        auto* file = buttons->addButton(tr("Choose a &GGUF file…"), QDialogButtonBox::ActionRole);
        connect(file, &QPushButton::clicked, this, &OpenModelDialog::chooseFile);
    }
    layout->addWidget(m_detail);
    layout->addLayout(form);
    layout->addWidget(m_forecast);
    layout->addWidget(buttons);
    setMinimumWidth(520);

    connect(buttons, &QDialogButtonBox::accepted, this, &QDialog::accept);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    connect(m_device, &QComboBox::currentIndexChanged, this, &OpenModelDialog::update);
    connect(m_dtype, &QComboBox::currentIndexChanged, this, &OpenModelDialog::update);
    connect(m_place, &QComboBox::currentIndexChanged, this, &OpenModelDialog::update);
    connect(m_untrained, &QCheckBox::toggled, m_seed, &QWidget::setEnabled);
    connect(m_untrained, &QCheckBox::toggled, this, &OpenModelDialog::update);
    update();
}

QWidget* OpenModelDialog::cacheList() {
    m_models = new CachedModelList(m_jobs, this);
    m_found = new QSortFilterProxyModel(this);
    m_found->setSourceModel(m_models);
    m_found->setFilterCaseSensitivity(Qt::CaseInsensitive);
    m_view = new QListView;
    m_view->setModel(m_found);
    m_view->setItemDelegate(new ModelDelegate(m_view));
    m_view->setUniformItemSizes(true);
    m_view->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_view->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
    m_view->setAccessibleName(tr("Models on this machine"));
    m_search = new QLineEdit;
    m_search->setPlaceholderText(tr("Search"));
    m_search->setToolTip(tr("Show models whose name contains this text"));
    m_search->setAccessibleName(tr("Search the models"));
    m_search->setClearButtonEnabled(true);
    m_search->setMaximumWidth(200);

    auto* title = new QLabel(tr("<b>Models on this machine</b>"));
    auto* top = new QHBoxLayout;
    top->addWidget(title);
    top->addStretch();
    top->addWidget(m_search);
    m_note->setMargin(24);
    m_note->setText(tr("Looking for models…"));
    m_pages = new QStackedWidget;
    m_pages->addWidget(m_note);
    m_pages->addWidget(m_view);
    m_pages->setMinimumHeight(230);
    auto* part = new QWidget;
    auto* layout = new QVBoxLayout(part);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addLayout(top);
    layout->addWidget(m_pages, 1);
    m_search->setEnabled(false);
    resize(620, 620);

    connect(m_models, &CachedModelList::listed, this, &OpenModelDialog::showList);
    connect(m_search, &QLineEdit::textChanged, m_found, &QSortFilterProxyModel::setFilterFixedString);
    connect(m_view->selectionModel(), &QItemSelectionModel::currentChanged, this,
            &OpenModelDialog::showCurrent);
    connect(m_view, &QListView::doubleClicked, this, [this] {
        if (m_open->isEnabled() && !asksFirst(*m_checkpoint)) accept();
    });
    return part;
}

void OpenModelDialog::showList() {
    const int count = m_models->rowCount();
    m_search->setEnabled(count > 0);
    m_pages->setCurrentWidget(count > 0 ? static_cast<QWidget*>(m_view) : m_note);
    if (count == 0) {
        m_note->setText(
            tr("<p>There is no model in the Hugging Face cache, <code>%1</code>, and none in Ollama's store, "
               "<code>%2</code>.</p><p>To fetch one, type <code>hf download "
               "HuggingFaceTB/SmolLM2-135M</code> in a terminal. <code>HF_HOME</code>, "
               "<code>HF_HUB_CACHE</code> and <code>OLLAMA_MODELS</code> set the places of models.</p><p>A "
               "model elsewhere is a folder with <code>config.json</code>, <code>model.safetensors</code> "
               "and <code>tokenizer.json</code>, or a GGUF file: choose it below.</p>")
                .arg(QString::fromStdString(modelCacheFolder().string()).toHtmlEscaped(),
                     QString::fromStdString(ollamaFolder().string()).toHtmlEscaped()));
        return;
    }
    if (m_checkpoint != nullptr || !m_adapter->text().isEmpty()) return;  // one was chosen meanwhile
    int first = 0;
    while (first < count && !m_found->index(first, 0).data(CachedModelList::OpensRole).toBool()) ++first;
    m_view->setCurrentIndex(m_found->index(first < count ? first : 0, 0));
    m_view->setFocus();
}

void OpenModelDialog::showCurrent() {
    const QModelIndex index = m_found->mapToSource(m_view->currentIndex());
    if (!index.isValid()) return choose(nullptr, {});
    const CachedModel& model = m_models->modelAt(index.row());
    choose(model.checkpoint, model.checkpoint != nullptr ? troubleOf(*model.checkpoint)
                                                         : QString::fromStdString(model.trouble));
}

void OpenModelDialog::chooseFolder() {
    const QString folder =
        QFileDialog::getExistingDirectory(this, tr("Open a model folder (with config.json)"));
    if (!folder.isEmpty()) inspect(folder);
}

void OpenModelDialog::chooseFile() {
    const QString file = QFileDialog::getOpenFileName(this, tr("Open a GGUF file"), {},
                                                      tr("GGUF models (*.gguf);;All files (*)"));
    if (!file.isEmpty()) inspect(file);
}

void OpenModelDialog::chooseAdapter() {
    const QString folder =
        QFileDialog::getExistingDirectory(this, tr("Choose an adapter (a folder with adapter_config.json)"));
    if (!folder.isEmpty()) m_adapter->setText(folder);
}

/// A model elsewhere, or an adapter, which is opened with its base.
void OpenModelDialog::inspect(const QString& path) {
    m_view->setCurrentIndex({});
    m_base = nullptr;
    if (!isAdapterFolder(path.toStdString())) {
        m_folder = path;
        return read();
    }
    {
        const QSignalBlocker quiet(m_adapter);
        m_adapter->setText(path);
    }
    const QString base = QString::fromStdString(baseOfAdapter(path.toStdString()));
    m_folder = kindOfPath(base) == PathKind::Model ? base : QString();
    if (!m_folder.isEmpty()) return read();
    offer(nullptr,
          base.isEmpty()
              ? tr("%1 is an adapter, but its base model is not known: choose the base").arg(path)
              : tr("%1 is an adapter of %2, which was not found here: choose the base").arg(path, base));
}

/// Another model is chosen.
void OpenModelDialog::choose(std::shared_ptr<const Checkpoint> checkpoint, const QString& trouble) {
    m_folder = checkpoint != nullptr ? QString::fromStdString(checkpoint->folder().string()) : QString();
    m_base = std::move(checkpoint);
    m_baseTrouble = trouble;
    useAdapter();
}

/// Another adapter is chosen, or none.
void OpenModelDialog::useAdapter() {
    const bool adapted = !m_adapter->text().isEmpty();
    if (m_folder.isEmpty() || (!adapted && m_base != nullptr)) return offer(m_base, m_baseTrouble);
    read();
}

/// Reads the chosen model with its adapter, where there is one.
void OpenModelDialog::read() {
    const QString adapter = m_adapter->text();
    const auto asPath = [](const QString& text) { return std::filesystem::path(text.toStdString()); };
    const QString what = tr("Reading %1").arg(adapter.isEmpty() ? m_folder : adapter);
    offer(nullptr, what + u'…');
    m_reading = m_jobs.submit(
        {Lane::Analysis, what, false},
        [path = asPath(m_folder), added = asPath(adapter)](Progress&) {
            return openForReview(path, added).checkpoint;
        },
        this,
        [this, folder = m_folder, adapter](Outcome<std::shared_ptr<const Checkpoint>> outcome) {
            // Another was chosen meanwhile, or is being read.
            if (m_reading.value() == 0 || folder != m_folder || adapter != m_adapter->text()) return;
            if (const auto* failure = outcome.failure()) offer(nullptr, failure->message);
            if (auto* found = outcome.result()) {
                const QString trouble = troubleOf(**found);
                if (adapter.isEmpty()) {
                    m_base = *found;
                    m_baseTrouble = trouble;
                }
                offer(std::move(*found), trouble);
            }
        });
}

/// What is to be opened, or why it cannot be.
void OpenModelDialog::offer(std::shared_ptr<const Checkpoint> checkpoint, const QString& trouble) {
    m_jobs.cancel(std::exchange(m_reading, JobId{}));
    m_checkpoint = std::move(checkpoint);
    m_trouble = trouble;
    update();
}

void OpenModelDialog::update() {
    const DType dtype = DType(m_dtype->currentData().toInt());
    const bool onProcessor = m_device->currentData().toString() == "cpu";
    const bool missing = m_checkpoint != nullptr && !m_checkpoint->weightsMissing().empty();
    const bool computes = dtype != DType::Float16 || !onProcessor;
    // Random weights have nothing that an adapter could change.
    const bool adapted = !m_adapter->text().isEmpty();
    m_untrained->setEnabled(!adapted);
    if (adapted) m_untrained->setChecked(false);
    m_open->setEnabled(m_checkpoint != nullptr && (!missing || m_untrained->isChecked()) && computes);
    m_open->setText(m_checkpoint != nullptr && asksFirst(*m_checkpoint) ? tr("&Open Anyway") : tr("&Open"));

    m_detail->setText(describeChoice());
    m_forecast->setText(forecast(dtype, onProcessor));
}

/// What is chosen, its notes, or why it cannot be opened: rich text.
QString OpenModelDialog::describeChoice() const {
    QString detail;
    if (m_checkpoint != nullptr) {
        const ModelConfig& c = m_checkpoint->config();
        detail = tr("<b>%1</b><br>%2, vocabulary of %3")
                     .arg(QString::fromStdString(modelTitle(m_checkpoint->folder())).toHtmlEscaped(),
                          summaryOf(*m_checkpoint).toHtmlEscaped(),
                          QLocale().toString(static_cast<qlonglong>(c.vocabulary)));
        if (!m_checkpoint->tokenizerPath()) detail += tr("; no tokenizer: prompts as token ids only");
        if (c.parallelBlocks)
            detail += tr("; attention and MLP in parallel, so there is no point between them");
        if (c.attnPostNorm || c.mlpPostNorm) detail += tr("; what each block adds is normalised first");
        for (const std::string& note : c.notes)
            if (!asksFirst(*m_checkpoint)) detail += "<br>" + QString::fromStdString(note).toHtmlEscaped();
    }
    if (!m_trouble.isEmpty())
        detail += (detail.isEmpty() ? QString() : QStringLiteral("<br>")) + m_trouble.toHtmlEscaped();
    if (m_checkpoint != nullptr && !m_checkpoint->weightsMissing().empty())
        detail += tr("; it can still be opened with random weights");
    return detail;
}

/// The memory that what is chosen needs, or why it is not computed.
QString OpenModelDialog::forecast(DType dtype, bool onProcessor) const {
    if (dtype == DType::Float16 && onProcessor)
        return tr("float16 is computed on a GPU only; choose float32 or bfloat16 for the processor.");
    if (m_checkpoint == nullptr) return {};
    const auto need =
        m_checkpoint->forecast(dtype, 8, std::min<std::int64_t>(512, m_checkpoint->config().maxPositions));
    const QLocale locale;
    constexpr auto unknown = std::numeric_limits<std::int64_t>::max();
    const std::int64_t available = onProcessor ? availableMemory().value_or(unknown) : unknown;
    const auto place = WeightPlace(m_place->currentData().toInt());
    const bool fits = need.peakLoadBytes <= available;
    if (place == WeightPlace::Stream || (place == WeightPlace::Automatic && !fits)) {
        QString text =
            place == WeightPlace::Stream ? QString() : tr("Larger than the free memory: streamed. ");
        return text + tr("Needs %1, and %2 to capture; each run of the network reads %3.")
                          .arg(locale.formattedDataSize(need.streamBytes),
                               locale.formattedDataSize(need.streamCaptureBytes),
                               locale.formattedDataSize(m_checkpoint->blockBytes()));
    }
    QString text =
        tr("Needs %1 to load and %2 to capture.")
            .arg(locale.formattedDataSize(need.peakLoadBytes), locale.formattedDataSize(need.captureBytes));
    if (available < unknown) text += tr(" %1 are available.").arg(locale.formattedDataSize(available));
    if (!fits)
        text += tr(" That is not enough; stream the weights, choose bfloat16, or close other programs.");
    return text;
}

ModelOptions OpenModelDialog::options() const {
    ModelOptions options;
    options.device = m_device->currentData().toString().toStdString();
    options.dtype = DType(m_dtype->currentData().toInt());
    options.threads = m_threads->value();
    options.weights = WeightPlace(m_place->currentData().toInt());
    if (m_checkpoint != nullptr) options.acceptedKeys = m_checkpoint->config().acceptedKeys;
    if (m_checkpoint != nullptr && m_checkpoint->adapter() != nullptr)
        options.adapter = m_checkpoint->adapter()->folder.string();
    if (m_untrained->isChecked()) options.untrainedSeed = static_cast<std::uint64_t>(m_seed->value());
    return options;
}

}  // namespace rheo
