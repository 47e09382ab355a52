// SPDX-License-Identifier: Apache-2.0
/**
 * The head: one process that owns everything between the user and the workers. Entry: {@link
 * dev.knarr.head.HeadMain}, which runs a {@link dev.knarr.head.api.HeadConfig} inside the
 * application.
 */
@NullMarked
package dev.knarr.head;

import org.jspecify.annotations.NullMarked;
