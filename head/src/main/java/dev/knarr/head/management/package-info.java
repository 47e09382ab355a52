// SPDX-License-Identifier: Apache-2.0
/**
 * What the head shows on its management port, and the beans that join it to the application. Entry:
 * {@link dev.knarr.head.management.HeadBean}. Everything here is inert unless the application runs
 * as a head.
 */
@NullMarked
package dev.knarr.head.management;

import org.jspecify.annotations.NullMarked;
