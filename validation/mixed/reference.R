# Mixed models by lme4, lmerTest, pbkrtest and emmeans on small simulated tables: writes the TSV files beside it.
#   Rscript validation/mixed/reference.R        (from the repository root)
suppressMessages({library(lme4); library(lmerTest); library(pbkrtest); library(emmeans)})
options(contrasts = c("contr.sum", "contr.poly"), digits = 15)
here <- "validation/mixed"
put <- function(x, name) write.table(x, file.path(here, name), sep = "\t", row.names = FALSE, quote = FALSE)

# --- a table with unequal groups, missing cells and repeated cells; six responses with different variances
set.seed(20240611)
subjects <- sprintf("s%02d", 1:18)
cells <- expand.grid(repetition = 1:2, dose = c("saline", "low", "high"), cue = c("plus", "minus"), subject = subjects,
                     stringsAsFactors = FALSE)
cells$group <- ifelse(match(cells$subject, subjects) <= 10, "short", "long")
cells <- cells[cells$repetition == 1 | runif(nrow(cells)) < .35, ]
cells <- cells[!(runif(nrow(cells)) < .12), ]
n <- nrow(cells)
s <- match(cells$subject, subjects)
cells$breath <- round(5 + rnorm(18)[s] + .8 * rnorm(n), 3)
at <- function(...) { key <- paste(...); match(key, unique(key)) }
sd <- list(c(1, .6, .5, 0), c(.3, .9, 0, 0), c(0, 0, 0, 0), c(1, .4, .8, .7), c(1.5, 0, .6, 1.2), c(.7, .5, .3, .5))
for (k in 1:6) {
  a <- sd[[k]]
  y <- a[1] * rnorm(18)[s] + a[2] * rnorm(200)[at(cells$subject, cells$cue)] + a[3] * rnorm(200)[at(cells$subject, cells$dose)] +
    a[4] * rnorm(18)[s] * (cells$breath - 5) + .3 * (cells$breath - 5) + rnorm(n) +
    .8 * (cells$dose == "high") * (cells$group == "long")
  cells[[paste0("y", k)]] <- round(100 + 10 * y, 4)
}
put(cells, "table.tsv")
d <- cells
for (name in c("subject", "group", "cue", "dose")) d[[name]] <- factor(d[[name]], levels = unique(d[[name]]))
d$breath_c <- d$breath - mean(d$breath)

# --- models: the formula as in the Python test, and here
models <- list(
  crossed  = ~ group * cue * dose + breath_c + (1 | subject) + (1 | subject:cue) + (1 | subject:dose),
  cue      = ~ group * cue + dose + (1 + cue | subject),
  slope    = ~ group + cue * breath_c + (1 + breath_c | subject),
  apart    = ~ group * cue + breath_c + (1 + breath_c || subject) + (1 | subject:cue),
  three    = ~ group + dose + (0 + dose | subject),
  nested   = ~ group * cue + breath + (1 | subject / cue))
quiet <- function(x) suppressWarnings(suppressMessages(x))
tight <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9, maxfun = 1e5))
tests <- fits <- coefs <- vars <- list()
for (m in names(models)) for (k in 1:6) {
  d$y <- d[[paste0("y", k)]]
  form <- update(models[[m]], y ~ .)
  one <- quiet(lmer(form, d)); two <- quiet(lmer(form, d, control = tight))
  fit <- if (REMLcrit(two) < REMLcrit(one)) two else one
  id <- data.frame(model = m, response = paste0("y", k))
  fits[[length(fits) + 1]] <- cbind(id, criterion = REMLcrit(one), criterion_tight = REMLcrit(two), singular = isSingular(fit), n = nobs(fit))
  for (rule in c("Satterthwaite", "Kenward-Roger")) {
    a <- quiet(anova(fit, type = 3, ddf = rule))
    tests[[length(tests) + 1]] <- cbind(id, rule = rule, term = rownames(a), df1 = a$NumDF, df2 = a$DenDF, F = a[["F value"]], p = a[["Pr(>F)"]])
    cf <- quiet(coef(summary(fit, ddf = rule)))
    coefs[[length(coefs) + 1]] <- cbind(id, rule = rule, coefficient = gsub(":", "&", rownames(cf)), position = seq_len(nrow(cf)), estimate = cf[, 1], se = cf[, 2], df = cf[, 3], t = cf[, 4], p = cf[, 5])
  }
  v <- as.data.frame(VarCorr(fit)); v[is.na(v)] <- ""
  vars[[length(vars) + 1]] <- cbind(id, group = v$grp, var1 = v$var1, var2 = v$var2, value = v$vcov)
}
put(do.call(rbind, fits), "fits.tsv"); put(do.call(rbind, tests), "tests.tsv")
put(do.call(rbind, coefs), "coefficients.tsv"); put(do.call(rbind, vars), "variances.tsv")

# --- marginal means, pairs, families
means <- pairs <- list()
for (k in 1:6) for (rule in c("satterthwaite", "kenward-roger")) {
  d$y <- d[[paste0("y", k)]]
  form <- update(models$crossed, y ~ .)
  one <- quiet(lmer(form, d)); two <- quiet(lmer(form, d, control = tight))
  fit <- if (REMLcrit(two) < REMLcrit(one)) two else one
  id <- data.frame(response = paste0("y", k), rule = rule)
  e <- quiet(emmeans(fit, ~ dose | group, lmer.df = rule))
  s <- as.data.frame(summary(e))
  means[[length(means) + 1]] <- cbind(id, dose = s$dose, group = s$group, mean = s$emmean, se = s$SE, df = s$df, low = s$lower.CL, high = s$upper.CL)
  p <- pairs(e)
  for (adjust in c("none", "holm", "bonferroni", "tukey")) {
    s <- as.data.frame(quiet(summary(p, adjust = adjust, infer = c(TRUE, TRUE))))
    pairs[[length(pairs) + 1]] <- cbind(id, adjust = adjust, contrast = s$contrast, group = s$group, estimate = s$estimate, se = s$SE, df = s$df, low = s$lower.CL, high = s$upper.CL, t = s$t.ratio, p = s$p.value)
  }
}
put(do.call(rbind, means), "means.tsv"); put(do.call(rbind, pairs), "pairs.tsv")
versions <- sapply(c("lme4", "lmerTest", "pbkrtest", "emmeans"), function(p) as.character(packageVersion(p)))
put(data.frame(program = c("R", names(versions)), version = c(paste(R.version$major, R.version$minor, sep = "."), versions)), "versions.tsv")
