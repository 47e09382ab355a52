// SPDX-License-Identifier: Apache-2.0

/**
 * Where a model comes from in local mode and how its files get here: a path, an HTTP address or a
 * repository of Hugging Face. Files are kept in one cache folder, fetched once, resumed where a
 * transfer broke off and checked before they are used. Start at {@link
 * dev.knarr.cli.model.ModelStore}.
 */
@NullMarked
package dev.knarr.cli.model;

import org.jspecify.annotations.NullMarked;
